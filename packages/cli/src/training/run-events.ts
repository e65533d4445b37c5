import type { TrainingEvent as NetworkEvent } from '@voxnorm/models'
import type { TrainingEvent } from './record-run.ts'

/** What a training says about itself before its first step. */
export type TrainingPlan = Extract<NetworkEvent, { readonly kind: 'plan' }>

/** Whether an event is the plan. */
export function isPlan(event: NetworkEvent): event is TrainingPlan {
  return event.kind === 'plan'
}

/**
 * Counts iterations over the whole run: a step's number is how many are done with it, and what happens at the end of an
 * epoch has the number of the epoch's last step.
 */
export async function* countIterations(
  events: AsyncIterable<NetworkEvent>,
  iterationsPerEpoch: number,
): AsyncGenerator<TrainingEvent, void, void> {
  for await (const event of events) {
    if (event.kind === 'plan') continue
    if (event.kind === 'checkpoint' || event.kind === 'stopped') {
      yield event
      continue
    }
    const { kind, epoch, iteration } = event
    // A validation within an epoch, made by an early stop, carries the number of steps done so far.
    const atEnd = kind === 'step' || iteration === iterationsPerEpoch - 1
    yield { ...event, iteration: epoch * iterationsPerEpoch + iteration + (atEnd ? 1 : 0) }
  }
}
