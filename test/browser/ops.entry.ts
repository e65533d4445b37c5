import { Runtime } from '@voxnorm/tensor'
import { allCases, checkUpdate } from '@voxnorm/tensor/testing'
import { checkCase } from '@voxnorm/tensor/tuning'

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

/** Checks every kernel of every op and every update against the float64 reference. */
export async function run(): Promise<Row[]> {
  const runtime = await Runtime.open(navigator.gpu)
  const rows: Row[] = []
  const add = async (op: string, name: string, check: () => Promise<number[]>) => {
    try {
      const errors = await check()
      rows.push({ op, name, kernels: errors.length, relativeError: Math.max(...errors) })
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      rows.push({ op, name, kernels: 0, relativeError: Number.NaN, problem })
    }
  }
  for (const { cases, updates = [] } of Object.values(allCases)) {
    for (const opCase of cases) {
      const errors = async () => (await checkCase(runtime, opCase)).map(({ relativeError }) => relativeError)
      await add(opCase.op.name, opCase.name, errors)
    }
    for (const updateCase of updates) {
      await add(updateCase.op.name, updateCase.name, async () => [await checkUpdate(runtime, updateCase)])
    }
  }
  runtime.dispose()
  return rows
}
