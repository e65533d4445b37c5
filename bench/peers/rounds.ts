import { join } from 'node:path'
import { median } from '@voxnorm/tensor/tuning'
import { commit } from '../measure.ts'
import type { Case } from './cases.ts'
import { type Index, largestError, readTensors, writeTensors } from './exchange.ts'
import { inputsOf, truthOf } from './graphs.ts'
import type { First, Timed } from './peer.ts'
import type { PeerProcess } from './process.ts'
import type { Row } from './table.ts'

/** Milliseconds that one sample should last at least: short work is repeated, up to so many times. */
const SAMPLE = 100
const MOST_RUNS = 20
/** Milliseconds after which a slow peer has to do with the rounds that it has, but with two at least. */
const ENOUGH = 10_000

/** A variant of a peer that got through its first run, and what was measured since. */
interface Contestant {
  readonly process: PeerProcess
  readonly variant: string
  readonly row: Row
  readonly samples: Timed[]
}

type Truth = Readonly<Record<string, ArrayLike<number>>>

/**
 * Measures one case: every variant of every peer runs it once and is checked, then they take turns for so many rounds,
 * so that a busy machine is busy for all. What fails is in the rows as an error, and the others go on.
 */
export async function measure(
  theCase: Case,
  peers: readonly PeerProcess[],
  folder: string,
  rounds: number,
): Promise<Row[]> {
  const inputs = inputsOf(theCase)
  const index = writeTensors(join(folder, 'inputs.f32'), inputs)
  const prepare = (process: PeerProcess, variant: string) =>
    process.ask<First>({ do: 'prepare', variant, case: theCase, folder, index })
  const truth =
    (theCase.op === 'unet' && (await truthOfTorch(peers, prepare, folder))) || truthOf(theCase, inputs)

  const rows: Row[] = []
  const contestants: Contestant[] = []
  for (const process of peers) {
    for (const variant of Object.keys(process.adapters)) {
      try {
        const first = await prepare(process, variant)
        if ('unable' in first) continue
        const error = errorOf(folder, first.index, truth)
        const tolerance = Math.max(theCase.tolerance, process.tolerances?.[variant] ?? 0)
        const row = rowOf(process, variant, theCase, first, error, !(error <= tolerance))
        rows.push(row)
        contestants.push({ process, variant, row, samples: [] })
      } catch (error) {
        rows.push(failedRow(process, variant, theCase, error))
      }
    }
  }

  for (let round = 0; round < rounds; round++) {
    for (const { process, variant, row, samples } of contestants) {
      const spent = samples.reduce((sum, { ms }) => sum + ms, 0)
      if (row.error || (samples.length > 1 && spent > ENOUGH)) continue
      const last = samples.at(-1)?.ms ?? SAMPLE
      const runs = theCase.once ? 1 : Math.max(1, Math.min(MOST_RUNS, Math.floor(SAMPLE / last)))
      try {
        samples.push(await process.ask<Timed>({ do: 'time', variant, runs }))
      } catch (error) {
        row.error = lineOf(error)
      }
    }
  }
  for (const { row, samples } of contestants) summarize(row, samples, theCase.flops)
  for (const process of peers) await process.ask({ do: 'dispose' }).catch(() => undefined)
  return rows
}

/** The truth by PyTorch in float64, where it is among the peers: a minute faster than our reference executor. */
async function truthOfTorch(
  peers: readonly PeerProcess[],
  prepare: (process: PeerProcess, variant: string) => Promise<First>,
  folder: string,
): Promise<Truth | undefined> {
  const torch = peers.find(({ name }) => name === 'torch')
  if (!torch) return undefined
  const first = await prepare(torch, 'float64').catch((error) => {
    console.log(`torch gives no truth (${lineOf(error)}): computing it here`)
  })
  if (!first || 'unable' in first) return undefined
  const tensors = readTensors(join(folder, 'outputs.f32'), first.index)
  return Object.fromEntries(Object.entries(tensors).map(([name, { values }]) => [name, values]))
}

const errorOf = (folder: string, index: Index, truth: Truth): number =>
  largestError(readTensors(join(folder, 'outputs.f32'), index), truth)

const COMMIT = commit()

function rowOf(
  { name, adapters, version }: PeerProcess,
  variant: string,
  theCase: Case,
  first: { readonly ms: number; readonly cpu: number },
  error: number,
  wrong: boolean,
): Row {
  return {
    peer: variant ? `${name}:${variant}` : name,
    case: theCase.name,
    adapter: adapters[variant]!,
    ms_median: null,
    kernel_cpu_ms: null,
    gflops_per_kernel_cpu_s: null,
    // JSON has no infinity.
    max_rel_err: Number.isFinite(error) ? error : null,
    first_ms: first.ms,
    first_cpu_ms: first.cpu,
    device_bytes: null,
    wrong,
    version,
    commit: COMMIT,
  }
}

const failedRow = (process: PeerProcess, variant: string, theCase: Case, error: unknown): Row => ({
  ...rowOf(process, variant, theCase, { ms: 0, cpu: 0 }, Number.NaN, false),
  first_ms: null,
  first_cpu_ms: null,
  error: lineOf(error),
})

const lineOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!

function summarize(row: Row, samples: readonly Timed[], flops: number): void {
  if (samples.length === 0) return
  row.ms_median = median(samples.map(({ ms }) => ms))
  const processor = samples.flatMap(({ cpu }) => cpu ?? [])
  if (processor.length > 0) {
    row.kernel_cpu_ms = median(processor)
    row.gflops_per_kernel_cpu_s = flops > 0 ? flops / row.kernel_cpu_ms / 1e6 : null
  }
  row.device_bytes = samples.at(-1)!.bytes
}
