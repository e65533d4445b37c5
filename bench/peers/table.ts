/** One variant of a peer in one case: a row of the JSON file. What is unknown or meaningless is null. */
export interface Row {
  readonly peer: string
  readonly case: string
  readonly adapter: string
  /** Wall time of one run. */
  ms_median: number | null
  /** Processor time of one run, of all threads but the main one; of all threads where the processor is the device. */
  kernel_cpu_ms: number | null
  gflops_per_kernel_cpu_s: number | null
  readonly max_rel_err: number | null
  /** Set-up, compilation and first run: wall time, and processor time of all threads. */
  readonly first_ms: number | null
  readonly first_cpu_ms: number | null
  /** What the peer says that it holds on the device. */
  device_bytes: number | null
  readonly wrong: boolean
  error?: string
  /** The peer's version, and the commit of this checkout. */
  readonly version: string
  readonly commit: string
}

const HEADER = [
  'peer',
  'ms',
  'kernel CPU ms',
  'GFLOP/CPU-s',
  'ratio',
  'error',
  'first ms',
  'first CPU ms',
  'MB',
]

/** Prints a case's rows. The ratio says how many times as long as ours a peer takes; a wrong result has none. */
export function printCase(name: string, rows: readonly Row[]): void {
  const ours = rows.find(({ peer }) => peer === 'ours')
  const lines = rows.map((row) => {
    if (row.error) return [row.peer, row.error]
    return [
      row.peer,
      figure(row.ms_median),
      figure(row.kernel_cpu_ms),
      figure(row.gflops_per_kernel_cpu_s),
      ratio(row, ours),
      row.wrong ? `${row.max_rel_err?.toExponential(0)} WRONG` : (row.max_rel_err?.toExponential(0) ?? ''),
      figure(row.first_ms),
      figure(row.first_cpu_ms),
      figure(row.device_bytes && row.device_bytes / 1e6),
    ]
  })
  const widths = HEADER.map((title, column) =>
    Math.max(title.length, ...lines.filter(({ length }) => length > 2).map((line) => line[column]!.length)),
  )
  const print = (line: readonly string[]) =>
    console.log(line.map((cell, column) => cell[column ? 'padStart' : 'padEnd'](widths[column]!)).join('  '))
  console.log(`\n${name}`)
  print(HEADER)
  for (const line of lines) print(line)
}

/** Processor time against processor time where both are known, else wall time against wall time. */
function ratio(row: Row, ours: Row | undefined): string {
  if (!ours || ours.wrong || ours.error || row.wrong) return ''
  const pairs = [
    [row.kernel_cpu_ms, ours.kernel_cpu_ms],
    [row.ms_median, ours.ms_median],
  ]
  const [theirs, mine] = pairs.find(([a, b]) => a && b) ?? []
  return theirs && mine ? `${figure(theirs / mine)}×` : ''
}

const figure = (value: number | null): string => {
  if (value === null) return ''
  return value >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString()
}
