import { type Schedule, startSchedule, stepSchedule } from '@voxnorm/autograd'
import type { CaseRunners } from './case-runner.ts'
import { type Comparison, compareNumber } from './compare.ts'
import type { GoldenCase } from './manifest.ts'

interface MultiStepCase extends GoldenCase {
  readonly attrs: { readonly lr: number; readonly milestones: readonly number[]; readonly gamma: number }
  /** Rate during every epoch. */
  readonly lr_used: readonly number[]
  readonly tol_rel: number
}

interface PlateauCase extends GoldenCase {
  readonly attrs: {
    readonly lr: number
    readonly factor: number
    readonly patience: number
    readonly threshold: number
    readonly min_lr: number
  }
  readonly losses: readonly number[]
  /** Rate after the end of every epoch. */
  readonly lr_after: readonly number[]
  readonly tol_rel: number
}

/** Rates during the first epoch, the second and so on: one more than there are losses. */
function ratesOf(schedule: Schedule, losses: readonly number[]): number[] {
  let state = startSchedule(schedule)
  return [
    state.rate,
    ...losses.map((loss) => {
      state = stepSchedule(schedule, state, loss)
      return state.rate
    }),
  ]
}

const compareRates = (got: readonly number[], expected: readonly number[], relative: number): Comparison[] =>
  expected.map((rate, epoch) => compareNumber(`epoch ${epoch}`, got[epoch]!, rate, relative * rate))

/** Learning rates over epochs; no device is involved. */
export const scheduleRunners: CaseRunners = {
  schedule_multistep(item) {
    const { attrs, lr_used, tol_rel } = item as MultiStepCase
    const schedule = {
      kind: 'multi-step',
      rate: attrs.lr,
      milestones: attrs.milestones,
      gamma: attrs.gamma,
    } as const
    return compareRates(ratesOf(schedule, new Array(lr_used.length).fill(0)), lr_used, tol_rel)
  },
  schedule_plateau(item) {
    const { attrs, losses, lr_after, tol_rel } = item as PlateauCase
    const { lr: rate, factor, patience, threshold, min_lr: minimumRate } = attrs
    const schedule = { kind: 'plateau', rate, factor, patience, threshold, minimumRate } as const
    return compareRates(ratesOf(schedule, losses).slice(1), lr_after, tol_rel)
  },
}
