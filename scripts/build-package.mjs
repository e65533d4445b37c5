// Builds the package in the current folder: every entry of `exports` becomes one ES module under dist/,
// dependencies stay imports, kernels (.wgsl) are inlined as text. Types are made by `tsc -b` at the root.
import { readFileSync, rmSync } from 'node:fs'
import { build } from 'esbuild'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const entryPoints = Object.values(manifest.exports).map((entry) => entry.source)

// dist/types belongs to tsc, which keeps its own record of what is fresh.
for (const entry of entryPoints) rmSync(entry.replace('./src/', 'dist/').replace('.ts', '.js'), { force: true })
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
  loader: { '.wgsl': 'text' },
  logLevel: 'warning',
})
