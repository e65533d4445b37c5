import { Runtime } from '@voxnorm/tensor'
import { allCases, checkCase } from '@voxnorm/tensor/testing'

/** One case of an op as it went in the page. */
export interface Row {
  readonly op: string
  readonly name: string
  /** Number of kernels that were checked. */
  readonly kernels: number
  /** Largest relative error of any kernel. */
  readonly relativeError: number
  /** What was wrong, if something was. */
  readonly problem?: string
}

/** Checks every kernel of every op against the float64 reference. */
export async function run(): Promise<Row[]> {
  const runtime = await Runtime.open(navigator.gpu)
  const rows: Row[] = []
  for (const opCase of Object.values(allCases).flatMap(({ cases }) => cases)) {
    const { op, name } = opCase
    try {
      const results = await checkCase(runtime, opCase)
      const relativeError = Math.max(...results.map((result) => result.relativeError))
      rows.push({ op: op.name, name, kernels: results.length, relativeError })
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      rows.push({ op: op.name, name, kernels: 0, relativeError: Number.NaN, problem })
    }
  }
  runtime.dispose()
  return rows
}
