// Builds the package in the current folder: every entry of `exports` becomes one ES module under dist/,
// dependencies stay imports, kernels (.wgsl) are inlined as text without their comments, and tsc puts the types into
// dist/types.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { kernelsAsText } from './wgsl.js'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const entryPoints = Object.values(manifest.exports).map((entry) => entry['@voxnorm/source'])

// Old chunks would pile up; dist/types belongs to tsc, which keeps its own record of what is fresh.
for (const name of existsSync('dist') ? readdirSync('dist') : []) {
  if (name !== 'types') rmSync(join('dist', name), { recursive: true })
}
try {
  await build({
    entryPoints,
    outdir: 'dist',
    outbase: 'src',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2023',
    sourcemap: true,
    // The sources are in the package.
    sourcesContent: false,
    external: ['node:*'],
    packages: 'external',
    plugins: [kernelsAsText],
    logLevel: 'warning',
  })
  const tsc = join(import.meta.dirname, '../node_modules/typescript/bin/tsc')
  process.exitCode = spawnSync(process.execPath, [tsc, '-b'], { stdio: 'inherit' }).status ?? 1
} catch {
  // esbuild has printed what is wrong, with file and line.
  process.exitCode = 1
}
