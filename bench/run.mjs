// node bench/run.mjs NAME [options]: bundles bench/NAME.ts from the sources and runs it. See docs/measuring.md.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundle } from '../scripts/bundle.js'

const BENCHES = ['norm', 'pool', 'upconv3d', 'fusion', 'batches', 'soak', 'waiting', 'methods']
const [name, ...options] = process.argv.slice(2)
if (!BENCHES.includes(name)) {
  console.error(
    `usage: node bench/run.mjs ${BENCHES.join('|')} [--device NAME] [--rounds N] [--steps N] [--out FILE.json]`,
  )
  process.exit(64)
}
// The bundle lies in the package of the adapters, from where the embedded software renderer can be found.
const folder = join(import.meta.dirname, '..', 'packages', 'node', 'node_modules', '.cache')
const file = join(folder, `bench-${name}.mjs`)
mkdirSync(folder, { recursive: true })
writeFileSync(file, await bundle(join(import.meta.dirname, `${name}.ts`), 'node'))
const bench = await import(pathToFileURL(file).href)
await bench.run(options)
