import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { randomStream } from '@voxnorm/data'
import { type Ended, type OneProcess, openOneProcess } from '../e2e/one-process.ts'
import type { Mutation } from './mutate.ts'
import { scanFiles, VOXEL } from './scan.ts'
import { emptyFolder, resultsIn, type Target, targets } from './targets.ts'

/** What was wrong with the answer to one damaged file. */
export interface Fault {
  /** Number of the input: the same number and seed make the same input. */
  readonly index: number
  readonly target: string
  readonly what: string
  readonly problem: string
}

/** What came out of many damaged files. */
export interface FuzzResult {
  /** How many inputs of each target ended how: `model` to `exit 65` to 17. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly faults: readonly Fault[]
}

/** Which inputs are made, and how long each may take. */
export interface FuzzOptions {
  readonly seed: number
  readonly first: number
  readonly count: number
  /** Seconds after which an input counts as hung. */
  readonly limit: number
  readonly device: string
  readonly onProgress?: (done: number) => void
}

interface Expected {
  readonly results: ReadonlyMap<string, string>
  readonly warnings: ReadonlySet<string>
}

/**
 * Damages files of every kind that a user brings and runs the command line on them: it may refuse with a right exit code
 * and a sentence, or give the result of the whole file, or another one with a warning that the whole file has not.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { seed, first, count, limit, device, onProgress } = options
  const folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-fuzz-'))
  const program = openOneProcess()
  try {
    const all = targets(await trainModel(folder, program, device))
    const counts = new Map<string, Map<string, number>>()
    const faults: Fault[] = []
    const expected = new Map<string, Expected>()
    for (let index = first; index < first + count; index++) {
      const target = all[index % all.length]!
      const known = expected.get(target.name) ?? (await expectedOf(target, folder, program, device))
      expected.set(target.name, known)
      const mutation = target.mutate(randomStream(seed, 'fuzz', index))
      const { ended, results } = await runOn(target, mutation.bytes, folder, (words) =>
        program.run(folder, [...words, '--device', device], limit),
      )
      const problem = judge(target, mutation, known, ended, results)
      if (problem !== undefined) faults.push({ index, target: target.name, what: mutation.what, problem })
      const ways = counts.get(target.name) ?? new Map<string, number>()
      const way = ended.kind === 'ended' ? `exit ${ended.code}` : ended.kind
      counts.set(target.name, ways.set(way, (ways.get(way) ?? 0) + 1))
      onProgress?.(index + 1 - first)
    }
    return { counts, faults }
  } finally {
    program.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runOn(
  target: Target,
  bytes: Uint8Array,
  folder: string,
  run: (words: readonly string[]) => Promise<Ended>,
) {
  const place = path.join(folder, 'input')
  const out = path.join(folder, 'out')
  emptyFolder(place)
  rmSync(out, { recursive: true, force: true })
  target.prepare(place)
  writeFileSync(path.join(place, target.file), bytes)
  const ended = await run(target.words(place, out))
  return { ended, results: resultsIn(out) }
}

async function expectedOf(
  target: Target,
  folder: string,
  program: OneProcess,
  device: string,
): Promise<Expected> {
  // The first run of a kernel compiles it, which may take long.
  const run = (words: readonly string[]) => program.run(folder, [...words, '--device', device])
  const { ended, results } = await runOn(target, target.whole, folder, run)
  if (ended.kind !== 'ended') throw new Error(`${target.name}: the whole file ${ended.kind}`)
  if (ended.code !== 0 && !target.codes.includes(ended.code)) throw new Error(`${target.name}: ${ended.err}`)
  return { results, warnings: warningsIn(ended.err) }
}

/** What is wrong with an answer; undefined for a right one. */
function judge(
  target: Target,
  mutation: Mutation,
  expected: Expected,
  ended: Ended,
  results: ReadonlyMap<string, string>,
): string | undefined {
  if (ended.kind === 'hung') return 'it hung'
  if (ended.kind === 'crashed') return `it crashed: ${ended.err}`
  const { code, err } = ended
  if (/fault in voxnorm|\bat .*\.js:\d+/.test(err)) return `it calls itself broken: ${err.slice(-400)}`
  if (code !== 0) return target.codes.includes(code) ? undefined : `exit code ${code}: ${err.slice(-400)}`
  if (target.unnoticeable?.(mutation)) return undefined
  if ([...warningsIn(err)].some((warning) => !expected.warnings.has(warning))) return undefined
  const differs = [...expected.results].find(([name, hash]) => results.get(name) !== hash)
  return (
    differs &&
    `exit code 0 and no warning, but ${differs[0]} ${results.has(differs[0]) ? 'differs' : 'is missing'}`
  )
}

/** The warnings without their times. */
function warningsIn(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/ WARNING +(.*)/g)].map(([, warning]) => warning!))
}

/** Trains for one iteration on the scan: what the networks have learnt is of no matter here. */
async function trainModel(folder: string, program: OneProcess, device: string): Promise<string> {
  const data = path.join(folder, 'data')
  emptyFolder(data)
  const [{ files }] = scanFiles()
  writeFileSync(path.join(data, 'scan.nii.gz'), gzipSync(files[0]!))
  writeFileSync(path.join(data, 'labels.nii.gz'), gzipSync(labelsOf(files[0]!)))
  const rows = ['a', 'b'].flatMap((site) =>
    ['train', 'train', 'validation'].map(
      (split, index) => `${site}${index}\t${site}\tscan.nii.gz\tlabels.nii.gz\t${split}`,
    ),
  )
  writeFileSync(
    path.join(data, 'dataset.tsv'),
    `participant_id\tsite\tT1w\tlabel\tsplit\n${rows.join('\n')}\n`,
  )
  writeFileSync(
    path.join(data, 'config.yaml'),
    `preset: tiny
data: { table: dataset.tsv, patch: 16, patchesPerSite: 4, validationPatchesPerSite: 2, voxelSize: ${VOXEL} }
model: { base: 2, discriminator: { base: 2 } }
train: { epochs: 1, batch: 2, iterationsPerEpoch: 1, warmup: 0 }
inference: { stride: 16 }
`,
  )
  const run = path.join(folder, 'run')
  const ended = await program.run(folder, ['train', 'data/config.yaml', '-o', run, '--device', device])
  if (ended.kind !== 'ended' || ended.code !== 0) throw new Error(`no model: ${JSON.stringify(ended)}`)
  return path.join(run, 'model')
}

/** The tissues of the scan by its brightness, in BIDS numbers, as an image of the same form. */
function labelsOf(scan: Uint8Array): Uint8Array {
  const labels = scan.slice()
  const view = new DataView(labels.buffer)
  for (let at = 352; at < labels.length; at += 2) {
    const value = view.getInt16(at, true)
    view.setInt16(at, value > 675 ? 2 : value > 400 ? 1 : value > 0 ? 3 : 0, true)
  }
  return labels
}
