// node bench/run.mjs NAME [options]: runs bench/NAME.ts. See docs/measuring.md.
import { runSource } from '../scripts/run-source.mjs'

const [name, ...options] = process.argv.slice(2)
if (!name) {
  console.error('usage: node bench/run.mjs conv3d|step [--device NAME] [--rounds N] [--out FILE.json]')
  process.exit(64)
}
const bench = await runSource(`bench/${name}.ts`)
await bench.run(options)
