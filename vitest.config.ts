import { defineConfig } from 'vitest/config'
import { kernelText } from './scripts/wgsl.js'

/** Kernels are real `.wgsl` files; here they become modules that export their text. */
const wgslAsText = {
  name: 'wgsl-as-text',
  transform(code: string, id: string) {
    if (id.endsWith('.wgsl')) return { code: `export default ${JSON.stringify(kernelText(code))}`, map: null }
    return undefined
  },
}

export default defineConfig({
  plugins: [wgslAsText],
  resolve: { conditions: ['@voxnorm/source'] },
  ssr: { resolve: { conditions: ['@voxnorm/source'], externalConditions: ['@voxnorm/source'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['vitest.setup.ts'],
    // A GPU device belongs to a process; forks keep Dawn's native state of one file away from the next.
    pool: 'forks',
    maxWorkers: 2,
    // Against hangs only: no test may fail for the speed of the machine or an empty shader cache.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
