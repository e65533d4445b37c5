import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../src/random.ts'
import { whiteStripe } from '../../src/scaling/white-stripe.ts'
import { scaleIntensities } from '../../src/scaling.ts'

interface Tissue {
  readonly count: number
  readonly mean: number
  readonly deviation: number
}

const CSF: Tissue = { count: 4000, mean: 20, deviation: 5 }
const GM: Tissue = { count: 9000, mean: 60, deviation: 8 }
const WM: Tissue = { count: 7000, mean: 100, deviation: 6 }

function brainOf(tissues: readonly Tissue[], seed = 1): Float32Array<ArrayBuffer> {
  const stream = randomStream(seed, 'brain')
  return Float32Array.from(
    tissues.flatMap(({ count, mean, deviation }) =>
      Array.from({ length: count }, () => mean + deviation * stream.normal()),
    ),
  ).sort()
}

describe('whiteStripe', () => {
  it('finds the brightest tissue, whose stripe is as narrow as a tenth of the brain', () => {
    const { centre, deviation } = whiteStripe(brainOf([CSF, GM, WM]))
    expect(Math.abs(centre - WM.mean)).toBeLessThan(1)
    // A tenth of the brain is 2000 of the 7000 voxels of WM: a normal cut to the probability 2/7 around its mean, ± 0.366 σ.
    const cut = 0.366
    const density = Math.exp(-(cut ** 2) / 2) / Math.sqrt(2 * Math.PI)
    const variance = 1 - (2 * cut * density) / (2 / 7)
    expect(deviation / (WM.deviation * Math.sqrt(variance))).toBeCloseTo(1, 1)
  })

  it('takes the values within 5 % of the brain on either side', () => {
    const brain = brainOf([CSF, GM, WM], 2)
    const { centre, deviation } = whiteStripe(brain)
    const below = brain.filter((value) => value < centre).length
    const stripe = [...brain].filter((_, index) => Math.abs(index - below) <= 0.05 * brain.length)
    const mean = stripe.reduce((sum, value) => sum + value, 0) / stripe.length
    const variance = stripe.reduce((sum, value) => sum + (value - mean) ** 2, 0) / stripe.length
    expect(deviation / Math.sqrt(variance)).toBeCloseTo(1, 2)
  })

  it('passes over a bright tail, a bright small mode and single voxels far out', () => {
    const vessels = { count: 500, mean: 160, deviation: 10 }
    const lone = { count: 3, mean: 5000, deviation: 900 }
    const { centre } = whiteStripe(brainOf([CSF, GM, WM, vessels, lone]))
    expect(Math.abs(centre - WM.mean)).toBeLessThan(1.5)
  })

  it('tells a shallow mode of many voxels from chance', () => {
    // Little contrast: the density falls by 4 % of the highest between grey and white matter.
    const [grey, white] = [
      { count: 60_000, mean: 60, deviation: 10 },
      { count: 40_000, mean: 90, deviation: 12 },
    ]
    const density = (value: number) =>
      [grey, white].reduce(
        (sum, { count, mean, deviation }) =>
          sum + (count / deviation) * Math.exp(-(((value - mean) / deviation) ** 2) / 2),
        0,
      )
    const grid = Array.from({ length: 401 }, (_, step) => 75 + step / 16)
    const mode = grid.reduce(
      (best, value) => (value > 82 && density(value) > density(best) ? value : best),
      82,
    )
    for (let seed = 0; seed < 5; seed++)
      expect(Math.abs(whiteStripe(brainOf([grey, white], seed)).centre - mode)).toBeLessThan(5)
  })

  it('is not misled by ripples of a single wide mode', () => {
    for (let seed = 0; seed < 20; seed++) {
      const { centre } = whiteStripe(brainOf([{ count: 3000, mean: 50, deviation: 10 }], seed))
      expect(Math.abs(centre - 50)).toBeLessThan(5)
    }
  })

  it('takes the brightest mode where white matter is darker than grey, as in infants', () => {
    const { centre } = whiteStripe(
      brainOf([
        { ...WM, mean: 55 },
        { ...GM, mean: 90 },
      ]),
    )
    expect(Math.abs(centre - 90)).toBeLessThan(1.5)
  })

  it('finds the mode of whole grey levels', () => {
    const { centre } = whiteStripe(brainOf([CSF, GM, WM]).map(Math.round))
    expect(Math.abs(centre - WM.mean)).toBeLessThan(1)
  })

  it('moves with brightness and contrast, so that the scaled image does not', () => {
    const brain = brainOf([CSF, GM, WM], 3)
    const mask = new Uint8Array(brain.length).fill(1)
    const wanted = scaleIntensities(brain, mask, 'white-stripe')
    const contrast = fc.record({
      factor: fc.double({ min: 0.01, max: 50, noNaN: true }),
      offset: fc.double({ min: -99, max: 99, noNaN: true }),
    })
    fc.assert(
      fc.property(contrast, ({ factor, offset }) => {
        const scaled = scaleIntensities(
          brain.map((value) => factor * value + offset),
          mask,
          'white-stripe',
        )
        // Rounding to float32 may move a value over the edge of a bin, and so the mode by a bin.
        for (const index of [0, 5000, 15_000, 19_999])
          expect(Math.abs(scaled[index]! - wanted[index]!)).toBeLessThan(0.02 * Math.abs(wanted[0]!))
      }),
      { numRuns: 20 },
    )
  })

  it('leaves what is outside the mask at 0, and refuses an image without contrast', () => {
    const brain = brainOf([GM, WM])
    const mask = new Uint8Array(brain.length).fill(1)
    mask[0] = 0
    expect(scaleIntensities(brain, mask, 'white-stripe')[0]).toBe(0)
    expect(() => scaleIntensities(brain.fill(4), mask, 'white-stripe', { file: 'a.nii' })).toThrow(
      'a.nii: The image has no',
    )
  })
})
