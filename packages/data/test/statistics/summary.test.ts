import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../src/random.ts'
import {
  bootstrapInterval,
  deviationOf,
  meanOf,
  stratifiedBootstrapInterval,
} from '../../src/statistics/summary.ts'

describe('meanOf and deviationOf', () => {
  it('give the values of a worked example', () => {
    const values = [2, 4, 4, 4, 5, 5, 7, 9]
    expect(meanOf(values)).toBe(5)
    expect(deviationOf(values)).toBeCloseTo(Math.sqrt(32 / 7), 14)
  })

  it('say NaN where nothing can be said', () => {
    expect(meanOf([])).toBeNaN()
    expect(deviationOf([])).toBeNaN()
    expect(deviationOf([3])).toBeNaN()
  })

  it('agree with the mean of squared differences of all pairs', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -99, max: 99 }), { minLength: 2, maxLength: 12 }), (values) => {
        const squares = values.flatMap((one) => values.map((other) => (one - other) ** 2))
        const pairs = values.length * (values.length - 1)
        expect(deviationOf(values) ** 2).toBeCloseTo(meanOf(squares) * (squares.length / pairs / 2), 8)
      }),
    )
  })
})

describe('bootstrapInterval', () => {
  it('comes near the exact distribution of the resampled mean', () => {
    // Of three values 0, 0, 1 the resampled mean is a binomial of 3 draws over 3, with a chance of 1/3 each.
    const { low, high } = bootstrapInterval([0, 0, 1], { seed: 1, resamples: 20_000, level: 0.9 })
    expect([low, high]).toEqual([0, 2 / 3])
    const wide = bootstrapInterval([0, 0, 1], { seed: 1, resamples: 20_000, level: 0.95 })
    expect([wide.low, wide.high]).toEqual([0, 1])
  })

  it('covers the true mean about as often as it says', () => {
    let covered = 0
    const trials = 300
    for (let trial = 0; trial < trials; trial++) {
      const stream = randomStream(3, 'trial', trial)
      const values = Array.from({ length: 40 }, () => 5 + 2 * stream.normal())
      const { low, high } = bootstrapInterval(values, { seed: trial, resamples: 400, level: 0.8 })
      if (low <= 5 && 5 <= high) covered++
    }
    // Four standard errors of a share of 0.8, and a little for the interval's known narrowness.
    expect(covered / trials).toBeGreaterThan(0.8 - 0.02 - 4 * Math.sqrt(0.16 / trials))
    expect(covered / trials).toBeLessThan(0.8 + 4 * Math.sqrt(0.16 / trials))
  })

  it('is a function of its seed, contains the mean, and is a point for one value', () => {
    const values = [1, 5, 2, 8, 3, 3, 9]
    const first = bootstrapInterval(values, { seed: 7 })
    expect(bootstrapInterval(values, { seed: 7 })).toEqual(first)
    expect(bootstrapInterval(values, { seed: 8, resamples: 99 })).not.toEqual(first)
    expect(first.low).toBeLessThan(meanOf(values))
    expect(first.high).toBeGreaterThan(meanOf(values))
    expect(bootstrapInterval([4], { seed: 7 })).toEqual({ low: 4, high: 4 })
    expect(bootstrapInterval([], { seed: 7 })).toEqual({ low: Number.NaN, high: Number.NaN })
  })
})

describe('stratifiedBootstrapInterval', () => {
  it('surrounds the mean of the groups, however large one of them is', () => {
    const large = Array.from({ length: 50 }, (_, index) => 1 + 0.01 * (index % 2))
    const { low, high } = stratifiedBootstrapInterval([large, [0, 0.01]], { seed: 1 })
    expect(low).toBeGreaterThan(0.49)
    expect(high).toBeLessThan(0.52)
  })

  it('is that of the values for a single group, and NaN with an empty one', () => {
    const values = [1, 5, 2, 8]
    expect(stratifiedBootstrapInterval([values], { seed: 3 })).toEqual(bootstrapInterval(values, { seed: 3 }))
    for (const groups of [[], [values, []]])
      expect(stratifiedBootstrapInterval(groups, { seed: 3 })).toEqual({ low: Number.NaN, high: Number.NaN })
  })
})
