import { parseArgs } from 'node:util'
import { fuzz } from './fuzz.ts'

const HELP = `Damages headers, files, tables, configs and models, and looks at what the program makes of them.

usage: node test/fuzz/run.js [--count 2000] [--first 0] [--seed 1] [--device NAME]

Prints how many inputs of each kind ended how, and every fault; exit code 1 when there is one.
An input is repeated by its number: --first 1234 --count 1.
`

/** Seconds after which an input counts as hung. */
const LIMIT = 10

/** Runs the fuzzer as the words say; returns the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      count: { type: 'string', default: '2000' },
      first: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      device: { type: 'string', default: 'software' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const count = Number(values.count)
  const { counts, faults } = await fuzz({
    seed: Number(values.seed),
    first: Number(values.first),
    count,
    limit: LIMIT,
    device: values.device,
    onProgress: (done) => {
      if (done % 50 === 0) process.stderr.write(`${done}/${count} inputs\n`)
    },
  })
  for (const [target, ways] of counts) {
    const parts = [...ways].sort().map(([way, number]) => `${way}: ${number}`)
    process.stdout.write(`${target.padEnd(14)} ${parts.join(', ')}\n`)
  }
  for (const { index, target, what, problem } of faults)
    process.stdout.write(`FAULT input ${index}, ${target} (${what}): ${problem}\n`)
  process.stdout.write(`${count} inputs, ${faults.length} faults\n`)
  return faults.length > 0 ? 1 : 0
}
