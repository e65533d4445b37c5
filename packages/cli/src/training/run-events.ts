import type { TrainingEvent as NetworkEvent } from '@voxnorm/models'
import type { TrainingEvent } from './record-run.ts'

/** What a training says about itself before its first step. */
export type PlanEvent = Extract<NetworkEvent, { readonly kind: 'plan' }>

/** Whether an event is the plan. */
export function isPlan(event: NetworkEvent): event is PlanEvent {
  return event.kind === 'plan'
}

/** Counts iterations over the whole run: how many were done, a step's own one included. */
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
    yield { ...event, iteration: epoch * iterationsPerEpoch + iteration + (kind === 'step' ? 1 : 0) }
  }
}
