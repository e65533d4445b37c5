import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyBiasField, biasFieldRamp, drawBiasField } from '../src/augment.ts'
import { randomStream } from '../src/random.ts'

describe('biasFieldRamp', () => {
  it('runs from 1 - alpha to 1 + alpha with mean 1', () => {
    const ramp = biasFieldRamp(181, 0.5)
    expect(ramp[0]).toBe(0.5)
    expect(ramp[90]).toBe(1)
    expect(ramp[180]).toBe(1.5)
    expect(ramp.reduce((sum, value) => sum + value) / 181).toBeCloseTo(1, 6)
    expect([...biasFieldRamp(2, 1)]).toEqual([0, 2])
    expect([...biasFieldRamp(1, 1)]).toEqual([1])
  })
})

describe('applyBiasField', () => {
  it('gives a patch the window of the ramp of its whole image', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 20 }),
        fc.nat(10),
        fc.integer({ min: 1, max: 2 }),
        fc.float({ min: 0, max: 1, noNaN: true }),
        (imageHeight, firstRow, channels, alpha) => {
          const size = [2, 3, 4] as const
          const patch = Float32Array.from({ length: 24 * channels }, (_, index) => index + 1)
          const changed = applyBiasField(patch, { size, channels, imageHeight, firstRow }, alpha)
          let index = 0
          for (let z = 0; z < 2; z++) {
            for (let y = firstRow; y < firstRow + 3; y++) {
              const factor = y < imageHeight ? ((2 * y) / (imageHeight - 1)) * alpha + (1 - alpha) : 1
              for (let rest = 0; rest < 4 * channels; rest++, index++) {
                expect(changed[index]! / patch[index]!).toBeCloseTo(factor, 5)
              }
            }
          }
        },
      ),
    )
  })
})

describe('drawBiasField', () => {
  it('chooses with the probability, and draws the slope independently of it', () => {
    const draw = (index: number, probability: number) =>
      drawBiasField(randomStream(1, 'bias', index), { probability, alpha: [0.2, 0.6] })
    const slopes = Array.from({ length: 4000 }, (_, index) => draw(index, 0.5))
    const chosen = slopes.filter((slope) => slope !== undefined)
    expect(Math.abs(chosen.length - 2000)).toBeLessThan(160)
    expect(chosen.every((slope) => slope >= 0.2 && slope < 0.6)).toBe(true)
    expect(chosen.reduce((sum, slope) => sum + slope) / chosen.length).toBeCloseTo(0.4, 1)
    slopes.forEach((slope, index) => {
      if (slope !== undefined) expect(draw(index, 1)).toBe(slope)
    })
    expect(draw(0, 0)).toBeUndefined()
  })
})
