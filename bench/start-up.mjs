// node bench/start-up.mjs [--rounds N]: how long `voxnorm --version` and `--help` take, beside a Node that does nothing.
// The three take turns, so that whatever else the machine does meets all of them. Ends with 1 where one of the first two
// takes longer than 1.2 times the third and 60 ms.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const words = process.argv.slice(2)
const rounds = words[0] === '--rounds' ? Number(words[1]) : 31
const program = join(import.meta.dirname, '..', 'packages', 'cli', 'bin', 'voxnorm.js')
const COMMANDS = {
  'node -e 0': ['-e', '0'],
  'voxnorm --version': [program, '--version'],
  'voxnorm --help': [program, '--help'],
}

const times = Object.fromEntries(Object.keys(COMMANDS).map((name) => [name, []]))
for (let round = 0; round <= rounds; round++) {
  for (const [name, args] of Object.entries(COMMANDS)) {
    const start = performance.now()
    const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' })
    if (status !== 0) throw new Error(`${name} ended with ${status}`)
    // The first round fills the caches of files.
    if (round > 0) times[name].push(performance.now() - start)
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const allowed = 1.2 * median(times['node -e 0']) + 60
console.log(`Node ${process.versions.node}, median of ${rounds} rounds`)
for (const [name, values] of Object.entries(times))
  console.log(`${name.padEnd(18)} ${median(values).toFixed(0)} ms`)
console.log(`${'allowed'.padEnd(18)} ${allowed.toFixed(0)} ms`)
if (Object.values(times).some((values) => median(values) > allowed)) process.exitCode = 1
