import { alignIntensities, DataError, isotonicRegression, randomStream } from '@voxnorm/data'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const weighted = fc.array(
  fc.record({ value: fc.integer({ min: -9, max: 9 }), weight: fc.integer({ min: 1, max: 5 }) }),
  { minLength: 1, maxLength: 7 },
)

/** Every split of the list into runs; the best non-decreasing run means are the isotonic regression. */
function bruteForce(values: number[], weights: number[]): number[] {
  let best: number[] = []
  let least = Number.POSITIVE_INFINITY
  for (let cuts = 0; cuts < 2 ** (values.length - 1); cuts++) {
    const fitted: number[] = []
    let start = 0
    for (let end = 1; end <= values.length; end++) {
      if (end < values.length && !((cuts >> (end - 1)) & 1)) continue
      const mass = weights.slice(start, end).reduce((a, b) => a + b)
      const sum = values.slice(start, end).reduce((total, v, i) => total + v * weights[start + i]!, 0)
      for (; start < end; start++) fitted.push(sum / mass)
    }
    if (fitted.some((v, i) => i > 0 && v < fitted[i - 1]!)) continue
    const misfit = fitted.reduce((total, v, i) => total + weights[i]! * (v - values[i]!) ** 2, 0)
    if (misfit < least) [best, least] = [fitted, misfit]
  }
  return best
}

describe('isotonicRegression', () => {
  it('is the best non-decreasing sequence of all', () => {
    fc.assert(
      fc.property(weighted, (items) => {
        const values = items.map(({ value }) => value)
        const weights = items.map(({ weight }) => weight)
        const fitted = isotonicRegression(values, weights)
        bruteForce(values, weights).forEach((v, i) => {
          expect(fitted[i]).toBeCloseTo(v, 9)
        })
      }),
    )
  })
})

const random = randomStream(5, 'alignment')
const noise = Float32Array.from({ length: 4000 }, () => random.uniform())
const everywhere = new Uint8Array(noise.length).fill(1)
const largestDifference = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)

describe('alignIntensities', () => {
  it('gives every monotone change of intensities back, rising or falling', () => {
    for (const curve of [(v: number) => v, (v: number) => 3 * v ** 2 + 1, (v: number) => 200 - 50 * v]) {
      const after = noise.map(curve)
      expect(largestDifference(alignIntensities(noise, after, everywhere), after)).toBeLessThan(
        1e-3 * (curve(1) - curve(0)) ** 2,
      )
    }
  })

  it('looks at the mask only and leaves 0 outside', () => {
    const mask = everywhere.map((_, i) => i % 2)
    const after = noise.map((v, i) => (i % 2 ? 2 * v : 99))
    const aligned = alignIntensities(noise, after, mask)
    expect(aligned.every((v, i) => (i % 2 ? Math.abs(v - 2 * noise[i]!) < 1e-4 : v === 0))).toBe(true)
  })

  it('stays constant for an image that does not vary', () => {
    const flat = new Float32Array(50).fill(3)
    const after = flat.map((_, i) => i)
    expect(alignIntensities(flat, after, everywhere.slice(0, 50))).toEqual(new Float32Array(50).fill(24.5))
  })

  const tissues = everywhere.map((_, i) => 1 + (i % 3))
  const infant = tissues.map((label) => label)
  const before = Float32Array.from(infant, (label, i) => [0, 0.4, 0.85, 0.7][label]! + 0.02 * noise[i]!)
  const after = Float32Array.from(infant, (label, i) => [0, 0.2, 0.6, 0.9][label]! + 0.02 * noise[i]!)

  it('follows labels where contrast turns round between two tissues', () => {
    expect(largestDifference(alignIntensities(before, after, everywhere, tissues), after)).toBeLessThan(1e-4)
    expect(largestDifference(alignIntensities(before, after, everywhere), after)).toBeGreaterThan(0.1)
  })

  it('does not believe labels that the input knows nothing of', () => {
    const invented = tissues.map((_, i) => 1 + (Math.floor(i / 3) % 3))
    const other = Float32Array.from(invented, (label) => label)
    expect(alignIntensities(before, other, everywhere, invented)).toEqual(
      alignIntensities(before, other, everywhere),
    )
  })

  it('overrules the label of a voxel that looks like another tissue', () => {
    const wrong = tissues.slice()
    const changed = after.slice()
    for (let i = 0; i < 30; i++) {
      if (tissues[i] !== 2) continue
      wrong[i] = 3
      changed[i] = after[i]! + 0.3
    }
    const aligned = alignIntensities(before, changed, everywhere, wrong)
    for (let i = 0; i < 30; i++) if (tissues[i] === 2) expect(aligned[i]).toBeCloseTo(after[i]!, 1)
  })

  it('refuses an empty mask and sizes that differ', () => {
    expect(() =>
      alignIntensities(
        noise,
        noise,
        everywhere.map(() => 0),
      ),
    ).toThrow(DataError)
    expect(() => alignIntensities(noise, noise.slice(1), everywhere)).toThrow(DataError)
  })
})
