import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalTail } from '../../src/statistics/normal.ts'
import { holm, wilcoxonSignedRank } from '../../src/statistics/wilcoxon.ts'

/** The definition itself: ranks by counting, and the share of all patterns of signs that are at least as extreme. */
function byEnumeration(differences: readonly number[]): { statistic: number; p: number } {
  const kept = differences.filter((difference) => difference !== 0)
  const ranks = kept.map((one) => {
    const below = kept.filter((other) => Math.abs(other) < Math.abs(one)).length
    const equal = kept.filter((other) => Math.abs(other) === Math.abs(one)).length
    return below + (equal + 1) / 2
  })
  const total = ranks.reduce((sum, rank) => sum + rank, 0)
  const smaller = (isPositive: (index: number) => boolean) => {
    const positive = ranks.reduce((sum, rank, index) => sum + (isPositive(index) ? rank : 0), 0)
    return Math.min(positive, total - positive)
  }
  const statistic = smaller((index) => kept[index]! > 0)
  let extreme = 0
  for (let pattern = 0; pattern < 2 ** kept.length; pattern++) {
    if (smaller((index) => Math.floor(pattern / 2 ** index) % 2 === 1) <= statistic) extreme++
  }
  return { statistic, p: extreme / 2 ** kept.length }
}

const against0 = (differences: readonly number[]) =>
  wilcoxonSignedRank(
    differences,
    differences.map(() => 0),
  )

describe('wilcoxonSignedRank', () => {
  it('equals the enumeration of all signs, with ties and zeros', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -4, max: 4 }), { maxLength: 9 }), (differences) => {
        const { statistic, p, pairs } = against0(differences)
        expect(pairs).toBe(differences.filter(Boolean).length)
        expect({ statistic, p }).toEqual(byEnumeration(differences))
      }),
    )
  })

  it('gives the table of critical values', () => {
    // Largest W that is significant at 0.05, two-sided, as textbooks have it.
    for (const [pairs, critical] of [
      [6, 0],
      [8, 3],
      [10, 8],
      [20, 52],
    ] as const) {
      expect(against0(withSum(pairs, critical)).statistic).toBe(critical)
      expect(against0(withSum(pairs, critical)).p).toBeLessThanOrEqual(0.05)
      expect(against0(withSum(pairs, critical + 1)).p).toBeGreaterThan(0.05)
    }
  })

  it("gives Darwin's cross-fertilised and self-fertilised maize", () => {
    // Eighths of an inch, 15 pairs (Fisher 1935); SciPy documents W = 24 and an exact p of 0.041259765625.
    const differences = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]
    expect(against0(differences)).toEqual({ statistic: 24, p: 0.041259765625, pairs: 15 })
  })

  it('approaches the exact value where it approximates', () => {
    // 26 pairs are the first to be approximated. The exact p comes from the count of subsets of 1..26 by their sum.
    for (const critical of [40, 98, 150]) {
      const counts = new Array(critical + 1).fill(0)
      counts[0] = 1
      for (let rank = 1; rank <= 26; rank++)
        for (let sum = critical; sum >= rank; sum--) counts[sum] += counts[sum - rank]
      const exact = (2 * counts.reduce((total, count) => total + count, 0)) / 2 ** 26
      const { p, statistic } = against0(withSum(26, critical))
      expect(statistic).toBe(critical)
      expect(Math.abs(p - exact)).toBeLessThan(0.02 * exact + 5e-4)
    }
  })

  it('corrects the variance for ties', () => {
    // 30 differences of one size: W is 15.5 times the rarer sign, whose variance is 30 · 15.5² / 4.
    const differences = Array.from({ length: 30 }, (_, index) => (index < 9 ? -2 : 2))
    const z = (30 * 15.5) / 2 - 9 * 15.5 - 0.5
    const { p, statistic } = against0(differences)
    expect(statistic).toBe(9 * 15.5)
    expect(p).toBeCloseTo(2 * normalTail(z / Math.sqrt((30 * 15.5 ** 2) / 4)), 12)
  })

  it('does not care which sample comes first, and finds nothing in equal ones', () => {
    const a = [0.91, 0.88, 0.83, 0.79, 0.9, 0.7]
    const b = [0.89, 0.9, 0.8, 0.7, 0.9, 0.6]
    expect(wilcoxonSignedRank(a, b)).toEqual(wilcoxonSignedRank(b, a))
    expect(wilcoxonSignedRank(a, a)).toEqual({ statistic: 0, p: 1, pairs: 0 })
  })

  it('refuses what is not paired or not finite', () => {
    expect(() => wilcoxonSignedRank([1, 2], [1])).toThrow(RangeError)
    expect(() => wilcoxonSignedRank([1, Number.NaN], [1, 2])).toThrow('finite')
  })
})

describe('normalTail', () => {
  it('gives tabulated values on both sides of the change of method', () => {
    const table = [
      [0, 0.5],
      [1, 0.15865525393145705],
      [1.959963984540054, 0.025],
      [2.999999, 0.0013499],
      [3, 0.0013498980316300946],
      [6, 9.865876450376981e-10],
    ] as const
    for (const [z, tail] of table) expect(normalTail(z) / tail).toBeCloseTo(1, z === 2.999999 ? 4 : 11)
  })
})

describe('holm', () => {
  it('adjusts a worked example, in the order given', () => {
    // 4 · 0.005, 3 · 0.01, then 2 · 0.03, which 1 · 0.04 must not undercut.
    const adjusted = holm([0.01, 0.04, 0.03, 0.005])
    ;[0.03, 0.06, 0.06, 0.02].forEach((wanted, index) => {
      expect(adjusted[index]).toBeCloseTo(wanted, 14)
    })
  })

  it('is capped at 1, passes over tests that could not be done, and leaves one test alone', () => {
    expect(holm([0.6, Number.NaN, 0.7])).toEqual([1, Number.NaN, 1])
    expect(holm([0.2])).toEqual([0.2])
    expect(holm([])).toEqual([])
  })

  it('rejects what the step-down procedure rejects', () => {
    const probability = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(fc.array(probability, { maxLength: 8 }), probability, (pValues, level) => {
        const order = pValues.map((_, index) => index).sort((a, b) => pValues[a]! - pValues[b]!)
        const stop = order.findIndex(
          (index, position) => (pValues.length - position) * pValues[index]! > level,
        )
        const rejected = stop < 0 ? order : order.slice(0, stop)
        const adjusted = holm(pValues)
        expect(adjusted.flatMap((p, index) => (p <= level ? [index] : []))).toEqual(
          [...rejected].sort((a, b) => a - b),
        )
      }),
    )
  })
})

/** Differences 1 to n with signs such that the negative ones sum to `sum`. */
function withSum(count: number, sum: number): number[] {
  let left = sum
  return Array.from({ length: count }, (_, index) => count - index).map((size) => {
    if (size > left) return size
    left -= size
    return -size
  })
}
