import { shortNumber, textTable } from '@voxnorm/pipeline/words'
import type { Clock, DType } from '@voxnorm/tensor'
import { median, medianDeviation, type Roof } from '@voxnorm/tensor/tuning'

/** One line of a bench. The names are those of `bench --json`; what is not known is null. */
export interface Row {
  readonly target: string
  readonly case: string
  readonly kernel: string
  /** Whether it is the kernel that a plan takes by itself. */
  readonly chosen: boolean
  readonly adapter: string
  /** How the operands, or the activations of a network, are stored. */
  readonly dtype: DType
  readonly ms_median: number
  readonly ms_min: number
  /** Spread: the median of the distances from the median. */
  readonly ms_mad: number
  readonly clock: Clock
  readonly rounds: number
  /** Runs in a round, over which a time is a mean. */
  readonly repetitions: number
  readonly gflops: number
  /** Operands read once and results written once, over the median time. */
  readonly gbps: number
  /** Of multiply-adds in f32; of matrix units where the operands are halves and the device has such. */
  readonly peak_gflops: number
  readonly peak_gbps: number
  /** `gflops` as a part of the measured peak. */
  readonly of_peak: number
  /** The time that the roofline allows, as a part of the median time. */
  readonly roofline: number
  /** Median time of the plain kernel over the median time of this one. */
  readonly speedup: number | null
  readonly max_rel_err: number
  /** What `max_rel_err` was found at. */
  readonly checked: string
  readonly compile_ms: number
  /** Processor time that a software device spent on one run. */
  readonly kernel_cpu_ms: number | null
  readonly gflops_per_kernel_cpu_s: number | null
  /** Where the time of a whole run goes, longest first. */
  readonly by_kernel?: readonly KernelShare[]
}

/** The dispatches of one kernel file in a whole run. */
export interface KernelShare {
  readonly kernel: string
  readonly dispatches: number
  readonly ms: number
}

/** What a row is made from, in milliseconds of one run. */
export interface Measurement {
  readonly target: string
  readonly case: string
  readonly kernel: string
  readonly chosen: boolean
  readonly dtype: DType
  readonly times: readonly number[]
  readonly processorTimes: readonly number[]
  readonly clock: Clock
  readonly repetitions: number
  readonly flops: number
  readonly bytes: number
  readonly error: number
  readonly checked: string
  readonly compileTime: number
  readonly byKernel?: readonly KernelShare[]
}

/** Works out a row's figures, compared with the `plain` kernel's. Only on `software` is processor time that of kernels. */
export function rowOf(
  measured: Measurement,
  device: { readonly name: string; readonly software: boolean; readonly roof: Roof },
  plain?: Measurement,
): Row {
  const { flops, bytes } = measured
  const { roof } = device
  const time = median(measured.times)
  const used = median(measured.processorTimes)
  const known = device.software && used > 0
  const possible = Math.max(flops / roof.gflops, bytes / roof.gbps) / 1e6
  return {
    target: measured.target,
    case: measured.case,
    kernel: measured.kernel,
    chosen: measured.chosen,
    adapter: device.name,
    dtype: measured.dtype,
    ms_median: time,
    ms_min: Math.min(...measured.times),
    ms_mad: medianDeviation(measured.times),
    clock: measured.clock,
    rounds: measured.times.length,
    repetitions: measured.repetitions,
    gflops: flops / time / 1e6,
    gbps: bytes / time / 1e6,
    peak_gflops: roof.gflops,
    peak_gbps: roof.gbps,
    of_peak: flops / time / 1e6 / roof.gflops,
    roofline: possible / time,
    speedup: plain === undefined ? null : median(plain.times) / time,
    max_rel_err: measured.error,
    checked: measured.checked,
    compile_ms: measured.compileTime,
    kernel_cpu_ms: known ? used : null,
    gflops_per_kernel_cpu_s: known ? flops / used / 1e6 : null,
    ...(measured.byKernel && { by_kernel: measured.byKernel }),
  }
}

const UNKNOWN = 'n/a'

/** An op whose operations nobody counted has none. */
const known = (value: number | null, digits: number): string =>
  value === null || value === 0 ? UNKNOWN : value.toPrecision(digits)

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ['kernel', ({ kernel, chosen }) => (chosen ? `${kernel} *` : kernel)],
  ['ms', ({ ms_median }) => shortNumber(ms_median)],
  ['min', ({ ms_min }) => shortNumber(ms_min)],
  ['±', ({ ms_mad }) => String(Number(ms_mad.toPrecision(2)))],
  ['GFLOP/s', ({ gflops }) => known(gflops, 3)],
  ['GB/s', ({ gbps }) => gbps.toPrecision(3)],
  ['% peak', ({ gflops, of_peak }) => (gflops === 0 ? UNKNOWN : (100 * of_peak).toFixed(1))],
  ['% roof', ({ roofline }) => (100 * roofline).toFixed(1)],
  ['× plain', ({ speedup }) => (speedup === null ? UNKNOWN : speedup.toFixed(2))],
  ['cpu ms', ({ kernel_cpu_ms }) => known(kernel_cpu_ms, 4)],
  ['GFLOP/cpu-s', ({ gflops_per_kernel_cpu_s }) => known(gflops_per_kernel_cpu_s, 3)],
  ['error', ({ max_rel_err }) => max_rel_err.toExponential(1)],
  ['compile ms', ({ compile_ms }) => compile_ms.toFixed(0)],
]

/** Rows of one case for people: what it is, a table of its kernels, and how it was timed. */
export function caseTable(rows: readonly Row[]): string {
  const { target, case: name, clock, rounds, checked, by_kernel: shares } = rows[0]!
  const runs = [...new Set(rows.map(({ repetitions }) => repetitions))].join('/')
  const clockName = clock === 'timestamps' ? "device's time stamps" : 'wall clock'
  const table = textTable(
    COLUMNS.map(([title]) => title),
    rows.map((row) => COLUMNS.map(([, cell]) => cell(row))),
  )
  const profile = shares && [
    textTable(
      ['by kernel, each dispatch alone', 'dispatches', 'ms'],
      shares.slice(0, 15).map(({ kernel, dispatches, ms }) => [kernel, String(dispatches), ms.toFixed(2)]),
    ),
  ]
  return [
    `${target}  ${name}`,
    table,
    ...(profile ?? []),
    `${clockName}, ${rounds} rounds of ${runs} runs; error against float64 at ${checked}`,
  ].join('\n')
}

/** Rows as CSV with a header line: fields that hold a comma are quoted, unknown values are empty. */
export function rowsCsv(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {}).filter((name) => name !== 'by_kernel') as (keyof Row)[]
  const cell = (value: unknown) =>
    /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : value
  const lines = rows.map((row) => names.map((name) => cell(row[name] ?? '')).join(','))
  return `${[names.join(','), ...lines].join('\n')}\n`
}
