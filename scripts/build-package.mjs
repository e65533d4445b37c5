// Builds the package in the current folder: every entry of `exports` becomes one ES module under dist/,
// dependencies stay imports, kernels (.wgsl) are inlined as text without their comments. Types are made by `tsc -b` at the root.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { kernelsAsText } from './wgsl.js'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const entryPoints = Object.values(manifest.exports).map((entry) => entry.source)

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
    external: ['node:*'],
    packages: 'external',
    plugins: [kernelsAsText],
    logLevel: 'warning',
  })
} catch {
  // esbuild has printed what is wrong, with file and line.
  process.exitCode = 1
}
