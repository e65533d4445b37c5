import { calibration, DataError, randomStream, type Shape3, seamIndex, windowBorders } from '@voxnorm/data'
import { describe, expect, it } from 'vitest'

const shape: Shape3 = [12, 10, 8]
const [nx, ny] = shape
const random = randomStream(3, 'seams')
const noise = Float32Array.from({ length: 960 }, () => random.uniform())
const everywhere = new Uint8Array(960).fill(1)

describe('windowBorders', () => {
  it('lists where windows begin and end inside the volume', () => {
    // Windows of 6 with stride 4 start at 0, 4, 6 along 12 voxels, at 0 and 4 along 10, and at 0 and 2 along 8.
    expect(windowBorders([12, 10, 8], 6, 4)).toEqual([
      [4, 6, 10],
      [4, 6],
      [2, 6],
    ])
  })

  it('is empty where one window holds everything', () => {
    expect(windowBorders([8, 5, 8], 8, 4)).toEqual([[], [], []])
  })
})

describe('seamIndex', () => {
  const borders = windowBorders(shape, 6, 4)

  it('is 1 for a ramp, whatever its slopes', () => {
    const ramp = noise.map((_, i) => (i % nx) + 5 * (Math.floor(i / nx) % ny) - 9 * Math.floor(i / (nx * ny)))
    expect(seamIndex(ramp, everywhere, shape, borders)).toBeCloseTo(1, 6)
  })

  it('is near 1 for noise and grows with the step between windows', () => {
    const stepped = (height: number) => noise.map((v, i) => v + (i % nx >= 4 ? height : 0))
    const indices = [0, 1, 2].map((height) => seamIndex(stepped(height), everywhere, shape, borders))
    expect(Math.abs(indices[0]! - 1)).toBeLessThan(0.1)
    expect(indices[1]!).toBeGreaterThan(indices[0]!)
    expect(indices[2]!).toBeGreaterThan(indices[1]!)
  })

  it('equals the ratio of means along an axis, over pairs inside the mask', () => {
    const mask = everywhere.map((_, i) => (i % 5 === 0 ? 0 : 1))
    const means = [true, false].map((border) => {
      const steps = Array.from(noise.keys()).flatMap((i) =>
        i % nx > 0 && mask[i] && mask[i - 1] && [4, 9].includes(i % nx) === border
          ? [Math.abs(noise[i]! - noise[i - 1]!)]
          : [],
      )
      return steps.reduce((sum, step) => sum + step, 0) / steps.length
    })
    expect(seamIndex(noise, mask, shape, [[4, 9], [], []])).toBeCloseTo(means[0]! / means[1]!, 6)
  })

  it('has no value without borders, or without differences', () => {
    expect(seamIndex(noise, everywhere, shape, [[], [], []])).toBeNaN()
    expect(
      seamIndex(
        noise.map(() => 1),
        everywhere,
        shape,
        borders,
      ),
    ).toBeNaN()
    expect(() => seamIndex(noise.slice(1), everywhere, shape, borders)).toThrow(DataError)
  })
})

describe('calibration', () => {
  it('follows the definitions on a case done by hand', () => {
    const probabilities = Float32Array.of(0, 0.75, 0.25, 0, 0.5, 0, 0, 0.5, 0, 0, 0, 1, 1, 0, 0, 0)
    const { ece, brier, bins } = calibration(
      probabilities,
      Uint8Array.of(1, 3, 2, 3),
      Uint8Array.of(1, 1, 1, 0),
      2,
    )
    // Confidences .75 (right), .5 (class 0 first in the tie, wrong), 1 (wrong): all in the upper half.
    expect(bins[1]).toEqual({ confidence: 2.25 / 3, accuracy: 1 / 3, share: 1 })
    expect(bins[0]!.share).toBe(0)
    expect(bins[0]!.confidence).toBeNaN()
    expect(ece).toBeCloseTo(1.25 / 3, 9)
    expect(brier).toBeCloseTo((0.125 + 0.5 + 2) / 3, 9)
  })

  it('finds probabilities that mean what they say well calibrated, and overconfident ones not', () => {
    const voxels = 20000
    const honest = new Float32Array(4 * voxels)
    const labels = new Uint8Array(voxels)
    for (let v = 0; v < voxels; v++) {
      const share = 0.5 + 0.5 * random.uniform()
      const top = random.integer(4)
      for (let c = 0; c < 4; c++) honest[4 * v + c] = c === top ? share : (1 - share) / 3
      labels[v] = random.uniform() < share ? top : (top + 1 + random.integer(3)) % 4
    }
    const inside = new Uint8Array(voxels).fill(1)
    const bold = honest.map((p) => (p >= 0.5 ? 1 : 0))
    expect(calibration(honest, labels, inside).ece).toBeLessThan(0.02)
    expect(calibration(bold, labels, inside).ece).toBeGreaterThan(0.2)
    expect(calibration(bold, labels, inside).brier).toBeGreaterThan(calibration(honest, labels, inside).brier)
  })

  it('has no value for an empty mask and refuses sizes that differ', () => {
    expect(calibration(new Float32Array(8), new Uint8Array(2), new Uint8Array(2)).ece).toBeNaN()
    expect(() => calibration(new Float32Array(7), new Uint8Array(2), new Uint8Array(2))).toThrow(DataError)
  })
})
