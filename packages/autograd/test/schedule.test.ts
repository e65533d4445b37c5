import { type Plateau, type ScheduleState, startSchedule, stepSchedule } from '@voxnorm/autograd'
import { describe, expect, it } from 'vitest'
import { goldenCases, hasGolden } from './golden.ts'

const plateau: Plateau = {
  kind: 'plateau',
  rate: 1,
  factor: 0.5,
  patience: 1,
  threshold: 0.1,
  minimumRate: 0.2,
}

function ratesAfter(schedule: Plateau, losses: readonly number[]): number[] {
  let state = startSchedule(schedule)
  return losses.map((loss) => {
    state = stepSchedule(schedule, state, loss)
    return state.rate
  })
}

describe('a plateau', () => {
  it('waits for more than its patience, then begins to count anew', () => {
    expect(ratesAfter(plateau, [5, 5, 5, 5, 5])).toEqual([1, 1, 0.5, 0.5, 0.25])
  })

  it('asks for more than the threshold', () => {
    expect(ratesAfter(plateau, [5, 4.6, 4.49, 4.49, 4.49])).toEqual([1, 1, 1, 1, 0.5])
  })

  it('does not go below its minimum', () => {
    expect(ratesAfter(plateau, Array(10).fill(1))).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2])
  })

  it('takes NaN for no improvement', () => {
    expect(ratesAfter(plateau, [5, Number.NaN, Number.NaN])).toEqual([1, 1, 0.5])
  })

  it('continues from a state that was saved as JSON', () => {
    const losses = [5, 5, 4, 4, 4, 4, 3, 3, 3, 3, 3]
    let state = startSchedule(plateau)
    const rates = losses.map((loss) => {
      const saved: ScheduleState = JSON.parse(JSON.stringify(state))
      state = stepSchedule(plateau, saved, loss)
      return state.rate
    })
    expect(rates).toEqual(ratesAfter(plateau, losses))
  })
})

describe.skipIf(!hasGolden)('schedules agree with PyTorch (needs ../shared)', () => {
  it.each(goldenCases('schedule_multistep').map((item) => [item.id, item]))('%s', (_, item) => {
    const { lr: rate, milestones, gamma } = item.attrs
    const schedule = { kind: 'multi-step', rate, milestones, gamma } as const
    let state = startSchedule(schedule)
    for (const expected of item.lr_used) {
      expect(Math.abs(state.rate / expected - 1)).toBeLessThan(item.tol_rel)
      state = stepSchedule(schedule, state, 1)
    }
  })

  it.each(goldenCases('schedule_plateau').map((item) => [item.id, item]))('%s', (_, item) => {
    const { lr: rate, factor, patience, threshold, min_lr: minimumRate } = item.attrs
    const rates = ratesAfter({ kind: 'plateau', rate, factor, patience, threshold, minimumRate }, item.losses)
    rates.forEach((got, epoch) => {
      expect(Math.abs(got / item.lr_after[epoch] - 1)).toBeLessThan(item.tol_rel)
    })
  })
})
