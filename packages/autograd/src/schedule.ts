/** The rate is multiplied by `gamma` at the end of each of these epochs, counted from 1. */
export interface MultiStep {
  readonly kind: 'multi-step'
  readonly rate: number
  readonly milestones: readonly number[]
  readonly gamma: number
}

/**
 * The rate is multiplied by `factor` when the loss has not improved for more than `patience` epochs in a row. Same
 * rules as PyTorch's ReduceLROnPlateau in its modes `min` and `rel`, without cooldown.
 */
export interface Plateau {
  readonly kind: 'plateau'
  readonly rate: number
  readonly factor: number
  readonly patience: number
  /** An improvement is a loss below `best · (1 − threshold)`. */
  readonly threshold: number
  readonly minimumRate: number
}

/** The rate falls along half a cosine, from the first epoch's to nearly 0 in the last of `epochs`. */
export interface Cosine {
  readonly kind: 'cosine'
  readonly rate: number
  readonly epochs: number
}

/** How a learning rate changes over epochs. */
export type Schedule = MultiStep | Plateau | Cosine

/** Where a schedule stands; plain data that goes into checkpoints. */
export interface ScheduleState {
  /** The rate for the coming epoch. */
  readonly rate: number
  /** Epochs that are over. */
  readonly epoch: number
  /** The best loss so far, `null` before the first. Only plateaus use this and the next. */
  readonly best: number | null
  /** Epochs without improvement since the best one or since the last reduction. */
  readonly epochsWithoutImprovement: number
}

/** Smaller changes of a rate than this are not made. */
const SMALLEST_CHANGE = 1e-8

/** The state before the first epoch. */
export const startSchedule = (schedule: Schedule): ScheduleState => ({
  rate: schedule.rate,
  epoch: 0,
  best: null,
  epochsWithoutImprovement: 0,
})

/** The state after one more epoch, whose loss was `loss` (only plateaus look at it; NaN is no improvement). */
export function stepSchedule(schedule: Schedule, state: ScheduleState, loss: number): ScheduleState {
  const epoch = state.epoch + 1
  if (schedule.kind === 'multi-step') {
    const passed = schedule.milestones.filter((milestone) => milestone <= epoch).length
    return { ...state, epoch, rate: schedule.rate * schedule.gamma ** passed }
  }
  if (schedule.kind === 'cosine') {
    const share = Math.min(1, epoch / schedule.epochs)
    return { ...state, epoch, rate: (schedule.rate * (1 + Math.cos(Math.PI * share))) / 2 }
  }
  const best = state.best ?? Number.POSITIVE_INFINITY
  if (loss < best * (1 - schedule.threshold))
    return { ...state, epoch, best: loss, epochsWithoutImprovement: 0 }
  const epochsWithoutImprovement = state.epochsWithoutImprovement + 1
  if (epochsWithoutImprovement <= schedule.patience) return { ...state, epoch, epochsWithoutImprovement }
  const reduced = Math.max(state.rate * schedule.factor, schedule.minimumRate)
  const rate = state.rate - reduced > SMALLEST_CHANGE ? reduced : state.rate
  return { ...state, epoch, rate, epochsWithoutImprovement: 0 }
}
