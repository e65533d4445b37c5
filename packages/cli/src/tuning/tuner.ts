import path from 'node:path'
import type { Log, OpenDevice, StopRequest } from '@voxnorm/pipeline'
import type { Config, Tuner } from '@voxnorm/pipeline/training'
import { DeviceError, describeSpec, type Tensor } from '@voxnorm/tensor'
import { isTunable, problemOf, tune } from '@voxnorm/tensor/tuning'
import {
  emptyTable,
  formatTable,
  isSameDevice,
  rowFor,
  rowOf,
  type TuningRow,
  type TuningTable,
  unmeasuredRow,
  withRow,
} from './table.ts'
import { ownTableFile, readTable, shippedTables, writeOwnTable } from './tables.ts'

/** What a tuner has to know of the training. */
export interface TunerTask {
  readonly config: Pick<Config, 'train'>
  readonly device: OpenDevice
  /** The run folder that is resumed: it goes on with the kernels that it began with. */
  readonly resumed: string | undefined
  readonly log: Log
  readonly stop: Pick<StopRequest, 'throwIfStopped'>
}

/**
 * A tuner where one is wanted: not with `train.deterministic`, and never on a software renderer, whose rules were
 * measured and where a measurement would take hours.
 *
 * What is known is not measured again: from the run that is resumed, from trainings before, from tables that come with
 * the program, in this order.
 */
export function openTuner(task: TunerTask, measure: typeof tune = tune): Tuner | undefined {
  const { config, device, resumed, log } = task
  if (config.train.deterministic) return undefined
  if (device.software) {
    log.info('tuning', `${device.name} is a software renderer: its kernels are chosen by rule`)
    return undefined
  }
  const empty = emptyTable(device)
  const of = (table: TuningTable | undefined) => (table && isSameDevice(table, empty) ? table : empty)
  const recorded = resumed === undefined ? undefined : readTable(path.join(resumed, 'tuning.json'), log)
  let own = of(readTable(ownTableFile(device.name), log))
  const known = [of(recorded), own, ...shippedTables(log).map(of)]
  let chosen = empty
  return {
    table: () => formatTable(chosen),
    async tune(tensors) {
      const problems = new Map(tensors.filter(isTunable).map((tensor) => [problemOf(tensor), tensor]))
      const rows = new Map<string, TuningRow>()
      const unknown: Tensor[] = []
      for (const [problem, tensor] of problems) {
        const [row] = known.flatMap((table) => rowFor(table, tensor, device) ?? [])
        if (row) rows.set(problem, row)
        else unknown.push(tensor)
      }
      if (recorded && [...problems.values()].some((tensor) => !rowFor(of(recorded), tensor, device))) {
        log.warning(
          'tuning',
          'device or kernels are not those that this run began with: some are chosen anew',
        )
      }
      for (const [index, tensor] of unknown.entries()) {
        task.stop.throwIfStopped('the training has not begun')
        const detail = `${tensor.op.name} ${describeSpec(tensor.spec)}`
        log.progress({ what: 'tune', done: index, total: unknown.length, unit: 'shapes', detail })
        const row = await measureOne(task, tensor, measure)
        rows.set(row.problem, row)
        if (row.ms === null) continue
        // Kept at once: a measurement that was stopped goes on where it was.
        own = withRow(own, row)
        writeOwnTable(own, log)
      }
      log.endProgress()
      chosen = { ...empty, rows: [...rows.values()] }
      log.info(
        'tuning',
        `kernels of ${rows.size} shapes chosen by measurement, ${unknown.length} of them measured now`,
      )
      return (tensor) => rows.get(problemOf(tensor))?.kernel
    },
  }
}

async function measureOne(
  { device, log }: TunerTask,
  tensor: Tensor,
  measure: typeof tune,
): Promise<TuningRow> {
  try {
    const tuned = await measure(device.runtime, tensor)
    for (const { error } of tuned.refused) log.warning('tuning', `not used: ${error.message}`)
    return rowOf(tensor, tuned, device)
  } catch (error) {
    if (!(error instanceof DeviceError && error.kind === 'out-of-memory')) throw error
    log.warning('tuning', `no room to measure ${problemOf(tensor)}: its kernel is chosen by rule`)
    return unmeasuredRow(tensor, device)
  }
}
