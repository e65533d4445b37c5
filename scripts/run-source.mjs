// Runs a TypeScript program of this repository under Node 20, which cannot strip types itself: bundles the program's own
// files beside its node_modules and imports the bundle. Packages, ours included, are imported as they were built.
import { mkdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Bundles `entry` (a path from the repository's root) and imports it. Returns the module. */
export async function runSource(entry) {
  const folder = join(root, entry.split('/')[0], 'node_modules', '.cache', 'run-source')
  mkdirSync(folder, { recursive: true })
  const outfile = join(folder, `${basename(entry, '.ts')}-${process.pid}.mjs`)
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'warning',
  })
  return import(pathToFileURL(outfile).href)
}
