import { dawnVersion } from '@voxnorm/node'
import type { OpenDevice } from '@voxnorm/pipeline'
import type { Tensor } from '@voxnorm/tensor'
import { fingerprintOf, problemOf, ruleOf, type Tuned } from '@voxnorm/tensor/tuning'
import { z } from 'zod'

const milliseconds = z.number().nonnegative().nullable()

const rowSchema = z.strictObject({
  /** Op, operands, result and parameters. */
  problem: z.string(),
  /** Of all kernels that took part: see `fingerprintOf`. */
  fingerprint: z.string(),
  /** The best way to compute it, a kernel or `kernel/variant`. */
  kernel: z.string(),
  /** Median time of one run; null where the device had no room for a measurement, and the rule stays. */
  ms: milliseconds,
  runnerUp: z.string().nullable(),
  runnerUpMs: milliseconds,
  /** What would be chosen without a measurement; null where that is wrong on this device. */
  rule: z.string().nullable(),
  ruleMs: milliseconds,
  /** Ways that gave wrong numbers or did not compile. */
  refused: z.array(z.string()),
})

const tableSchema = z.strictObject({
  /** What the measurements hold for. */
  adapter: z.string(),
  driver: z.string(),
  engine: z.string(),
  features: z.array(z.string()),
  rows: z.array(rowSchema),
})

/** The best way to compute something, and how it was found. */
export type TuningRow = z.infer<typeof rowSchema>

/** What was measured on a device. */
export type TuningTable = z.infer<typeof tableSchema>

/** A table for this device without any row. */
export const emptyTable = ({ name, runtime }: OpenDevice): TuningTable => ({
  adapter: name,
  driver: runtime.capabilities.adapter,
  engine: `webgpu ${dawnVersion()}`,
  features: [...runtime.capabilities.features].sort(),
  rows: [],
})

/** The table in a text; undefined where it is none. */
export function parseTable(text: string): TuningTable | undefined {
  try {
    return tableSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** A table as it is read and compared by people: sorted, with one row a line. */
export function formatTable({ rows, ...device }: TuningTable): string {
  const sorted = [...rows].sort((a, b) => (a.problem < b.problem ? -1 : 1))
  const head = Object.entries(device).map(
    ([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)},\n`,
  )
  return `{\n${head.join('')}"rows": [\n${sorted.map((row) => JSON.stringify(row)).join(',\n')}\n]\n}\n`
}

/** Whether two tables were measured on the same device with the same driver and engine. */
export const isSameDevice = (a: TuningTable, b: TuningTable): boolean =>
  formatTable({ ...a, rows: [] }) === formatTable({ ...b, rows: [] })

/** The table with a row, in the place of one for the same problem. */
export const withRow = (table: TuningTable, row: TuningRow): TuningTable => ({
  ...table,
  rows: [...table.rows.filter(({ problem }) => problem !== row.problem), row],
})

/** The row for a tensor, if there is one and no kernel has changed since. */
export function rowFor(
  { rows }: TuningTable,
  tensor: Tensor,
  { runtime }: OpenDevice,
): TuningRow | undefined {
  const problem = problemOf(tensor)
  const row = rows.find((one) => one.problem === problem)
  return row?.fingerprint === fingerprintOf(tensor, runtime.capabilities) ? row : undefined
}

const shortened = (time: number): number => Number(time.toPrecision(4))

/** The row of a measurement. */
export function rowOf(
  tensor: Tensor,
  { best, runnerUp, rule, refused }: Tuned,
  { runtime }: OpenDevice,
): TuningRow {
  return {
    problem: problemOf(tensor),
    fingerprint: fingerprintOf(tensor, runtime.capabilities),
    kernel: best.way,
    ms: shortened(best.milliseconds),
    runnerUp: runnerUp?.way ?? null,
    runnerUpMs: runnerUp ? shortened(runnerUp.milliseconds) : null,
    rule: rule?.way ?? null,
    ruleMs: rule ? shortened(rule.milliseconds) : null,
    refused: refused.map(({ way }) => way),
  }
}

/** The row of what could not be measured: the rule stays. */
export function unmeasuredRow(tensor: Tensor, { runtime }: OpenDevice): TuningRow {
  const { capabilities } = runtime
  const rule = ruleOf(tensor, capabilities)
  return {
    problem: problemOf(tensor),
    fingerprint: fingerprintOf(tensor, capabilities),
    kernel: rule,
    ms: null,
    runnerUp: null,
    runnerUpMs: null,
    rule,
    ruleMs: null,
    refused: [],
  }
}
