import { describe, expect, it } from 'vitest'
import type { MetricsLine } from '../src/training/run-records.ts'
import { warmUpNotice } from '../src/training/warm-up.ts'

/** Steps of which the first `warm` learn the identity. */
function steps(count: number, warm: number): MetricsLine[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: 'step',
    epoch: 0,
    iteration: index + 1,
    time: index,
    'loss.seg': 0.5,
    ...(index < warm ? { 'loss.identity': 0.1 } : { 'loss.total': 0.4 }),
  }))
}

describe('the notice about a warm-up', () => {
  it('is given where the training ended within it or with it', () => {
    expect(warmUpNotice(steps(12, 12), undefined)).toMatch(
      /^The training ended after 12 iterations, within its warm-up: .* nothing is normalised\. Train longer/,
    )
    const validated: MetricsLine = { kind: 'validation', epoch: 0, iteration: 12, time: 12, 'dice.mean': 0.3 }
    expect(warmUpNotice([...steps(12, 12), validated], 12)).toContain('ended after 12 iterations')
  })

  it('is given where the best weights are older than the end of the warm-up', () => {
    expect(warmUpNotice(steps(30, 12), 10)).toMatch(
      /^The weights with the best Dice are from iteration 10, within the warm-up of 12 iterations/,
    )
    expect(warmUpNotice(steps(30, 12), 12)).toContain('from iteration 12')
  })

  it('is not given otherwise', () => {
    expect(warmUpNotice(steps(30, 12), 20)).toBeUndefined()
    expect(warmUpNotice(steps(30, 12), undefined)).toBeUndefined()
    expect(warmUpNotice(steps(30, 0), 20)).toBeUndefined()
    expect(warmUpNotice([], undefined)).toBeUndefined()
  })
})
