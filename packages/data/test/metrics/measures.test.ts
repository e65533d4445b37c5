import {
  accuracy,
  biasFieldCorrelation,
  collapsedAnswer,
  confusionFractions,
  confusionMatrix,
  correlationAlongAxis,
  DataError,
  diceOfMatrix,
  intensityHistogram,
  jensenShannon,
  jensenShannonLegacy,
  type Shape3,
  sortedQuantile,
  surfaceVoxels,
  tissueDice,
  wasserstein1,
} from '@voxnorm/data'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

describe('Dice', () => {
  it('is 1 for a class absent from both maps and 0 for one absent from one', () => {
    const dice = tissueDice([0, 2, 2, 3], [0, 2, 0, 2])
    expect(dice.CSF).toBe(1)
    expect(dice.GM).toBe(0.5)
    expect(dice.WM).toBe(0)
    expect(dice.mean).toBeCloseTo(0.5, 12)
  })

  it('refuses labels that are no internal class', () => {
    expect(() => tissueDice([0, 150], [0, 2])).toThrow(DataError)
    expect(() => tissueDice([0], [0, 2])).toThrow(/1 predicted/)
  })
})

describe('confusion', () => {
  it('reads rows as actual and columns as predicted', () => {
    const matrix = confusionMatrix([0, 0, 1, 1], [0, 1, 1, 1], 2)
    expect(matrix.counts).toEqual([
      [1, 1],
      [0, 2],
    ])
    expect(accuracy(matrix)).toBe(0.75)
    expect(diceOfMatrix(matrix)).toEqual([2 / 3, 0.8])
  })

  it('tells a classifier of one answer from one of several', () => {
    const answers = (...predicted: number[]) =>
      collapsedAnswer(
        confusionFractions(
          confusionMatrix(
            predicted.map((_, index) => index % 3),
            predicted,
            3,
          ),
        ),
      )
    expect(answers(2, 2, 2, 2, 2, 2)).toEqual({ predicted: 2, share: 1 })
    expect(answers(0, 0, 2, 0, 0, 2)).toBeUndefined()
    const nearly = answers(...Array.from({ length: 60 }, (_, index) => (index === 7 ? 2 : 1)))
    expect(nearly).toEqual({ predicted: 1, share: expect.closeTo(59 / 60, 12) })
    expect(answers()).toBeUndefined()
  })
})

describe('histogram', () => {
  it('puts the upper end into the last bin and leaves out what is outside or masked', () => {
    const values = [0, 0.24, 0.25, 1, 1.01, -0.01, Number.NaN, 0.5]
    const counts = intensityHistogram(values, { bins: 4, range: [0, 1], mask: [1, 1, 1, 1, 1, 1, 1, 0] })
    expect([...counts]).toEqual([2, 1, 0, 1])
  })
})

describe('Jensen-Shannon divergence', () => {
  it('is 0 for proportional histograms and ln 2 for disjoint ones', () => {
    expect(
      jensenShannon([
        [1, 2, 3],
        [2, 4, 6],
      ]),
    ).toBeCloseTo(0, 12)
    expect(
      jensenShannon([
        [1, 0],
        [0, 5],
      ]),
    ).toBeCloseTo(Math.LN2, 12)
  })

  it('has the printed legacy values for identical one-bin histograms', () => {
    const oneBin = Array.from({ length: 256 }, (_, i) => (i === 0 ? 1 : 0))
    expect(jensenShannonLegacy([oneBin, oneBin])).toBeCloseTo(0.29435, 4)
    expect(jensenShannonLegacy(Array.from({ length: 15 }, () => oneBin))).toBeCloseTo(2.20764, 4)
  })

  it('refuses a histogram without counts and rows of different length', () => {
    expect(() =>
      jensenShannon([
        [0, 0],
        [1, 0],
      ]),
    ).toThrow(DataError)
    expect(() => jensenShannon([[1], [1, 0]])).toThrow(DataError)
    expect(() => jensenShannon([])).toThrow(DataError)
  })
})

describe('Wasserstein-1', () => {
  it('is the shift between a sample and its shifted copy, whatever the order', () => {
    expect(wasserstein1([3, 1, 2], [12, 11, 13])).toBeCloseTo(10, 12)
  })

  it('equals the area between the cumulative distributions for samples of any size', () => {
    const sample = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        const below = (list: number[], value: number) => list.filter((v) => v <= value).length / list.length
        let area = 0
        for (let value = -20; value < 20; value++) area += Math.abs(below(a, value) - below(b, value))
        expect(wasserstein1(a, b)).toBeCloseTo(area, 9)
      }),
    )
  })

  it('is undefined without values', () => {
    expect(wasserstein1([], [1])).toBeNaN()
  })
})

describe('correlation along an axis', () => {
  const shape: Shape3 = [3, 4, 2]
  const ramp = Float64Array.from({ length: 24 }, (_, i) => 10 + (Math.floor(i / 3) % 4))
  const everywhere = new Uint8Array(24).fill(1)

  it('is 1 along a ramp, undefined across it, and follows the mask', () => {
    expect(correlationAlongAxis(ramp, shape, 1, everywhere)).toBeCloseTo(1, 12)
    expect(correlationAlongAxis(ramp, shape, 0, everywhere)).toBeCloseTo(0, 12)
    const disturbed = ramp.map((value, i) => (i === 0 ? 1000 : value))
    const masked = everywhere.map((value, i) => (i === 0 ? 0 : value))
    expect(correlationAlongAxis(disturbed, shape, 1, masked)).toBeCloseTo(1, 12)
  })

  it('can look at one slice', () => {
    const upperFlipped = ramp.map((value, i) => (i >= 12 ? 30 - value : value))
    expect(correlationAlongAxis(upperFlipped, shape, 1, everywhere, { axis: 2, index: 0 })).toBeCloseTo(1, 12)
    expect(correlationAlongAxis(upperFlipped, shape, 1, everywhere, { axis: 2, index: 1 })).toBeCloseTo(
      -1,
      12,
    )
  })

  it('takes its mask from the original image, not from the degraded one', () => {
    const original = ramp.map((value, i) => (i === 3 ? 0 : value))
    const degraded = original.map((value, i) => (i === 3 ? 500 : value))
    const got = biasFieldCorrelation(degraded, original, shape, 1, { axis: 2, index: 0 })
    expect(got.slice).toBeCloseTo(1, 12)
    expect(got.volume).toBeCloseTo(1, 12)
  })
})

describe('surface and quantile', () => {
  it('a 3 x 3 x 3 cube inside a larger grid has one inner voxel, a cube that fills its grid too', () => {
    const inside = Uint8Array.from({ length: 125 }, (_, i) => {
      const voxel = [i % 5, Math.floor(i / 5) % 5, Math.floor(i / 25)]
      return voxel.every((v) => v >= 1 && v <= 3) ? 1 : 0
    })
    expect(surfaceVoxels(inside, [5, 5, 5]).reduce((sum, v) => sum + v, 0)).toBe(26)
    expect(surfaceVoxels(new Uint8Array(27).fill(1), [3, 3, 3]).reduce((sum, v) => sum + v, 0)).toBe(26)
  })

  it('quantiles interpolate between neighbours', () => {
    expect(sortedQuantile([1, 2, 3, 4], 0.5)).toBe(2.5)
    expect(sortedQuantile([5], 0.95)).toBe(5)
    expect(sortedQuantile([], 0.5)).toBeNaN()
  })
})
