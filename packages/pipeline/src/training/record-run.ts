import { writeSafetensors } from '@voxnorm/autograd'
import type { TrainingEvent } from '@voxnorm/models'
import type { Log } from '../log.ts'
import type { RunFolder } from './run-folder.ts'
import type { MetricsLine } from './run-records.ts'

/** How a training ended. */
export interface Recorded {
  /** The reason given by the last event, or `finished`. */
  readonly reason: string
  /** The line of the last event that had numbers. */
  readonly last: MetricsLine | undefined
  /** Whether a checkpoint was saved, by this process. */
  readonly saved: boolean
}

/** How much work there is, for the progress line. */
export interface RunLength {
  readonly iterations: number
  /** Seconds of training after which it stops, over all resumptions. */
  readonly timeLimit: number
}

/**
 * Writes what a training tells into its run folder and shows it: numbers to metrics.jsonl, checkpoints to their files.
 *
 * Errors of the training pass through; everything told before them is on disk.
 */
export async function recordRun(
  events: AsyncIterable<TrainingEvent>,
  folder: RunFolder,
  log: Log,
  length: RunLength,
): Promise<Recorded> {
  let last: MetricsLine | undefined
  let reason = 'finished'
  let saved = false
  for await (const event of events) {
    if (event.kind === 'checkpoint') {
      await folder.writeCheckpoint(event.which, writeSafetensors(event))
      saved = true
    } else if (event.kind === 'stopped') {
      reason = event.reason
    } else if (event.kind !== 'ready') {
      // A run counts its iterations over all epochs.
      const { kind, epoch, done: iteration, time, values } = event
      last = { kind, epoch, iteration, time, ...values }
      await folder.appendMetrics(last)
      if (kind === 'step') {
        log.progress({
          what: 'train',
          done: iteration,
          total: length.iterations,
          unit: 'iterations',
          secondsLeft: Math.max(0, length.timeLimit - time),
          detail: shorten(values, ['loss.seg', 'loss.dis.real', 'loss.dis.fake']),
        })
      } else {
        const words = shorten(values, ['loss.seg', 'dice.mean', 'dis.accuracy', 'jsd.generated'])
        log.info(kind, `${kind} ${epoch}, iteration ${iteration}: ${words}`, { ...last })
      }
    }
  }
  log.endProgress()
  return { reason, last, saved }
}

function shorten(values: Readonly<Record<string, number>>, names: readonly string[]): string {
  return names
    .flatMap((name) => (values[name] === undefined ? [] : [`${name} ${values[name].toPrecision(3)}`]))
    .join('  ')
}
