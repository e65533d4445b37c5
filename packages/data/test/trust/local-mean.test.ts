import { randomStream, type Shape3 } from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { brainBox } from '../../src/trust/brain-box.ts'
import { boxSum, localMean } from '../../src/trust/local-mean.ts'

const shape: Shape3 = [7, 5, 6]
const random = randomStream(1, 'box')
const values = Float32Array.from({ length: 210 }, () => random.uniform())
const mask = Uint8Array.from({ length: 210 }, () => (random.uniform() < 0.7 ? 1 : 0))

function around(i: number, radii: Shape3): number[] {
  const [nx, ny] = shape
  const place = (at: number) => [at % nx, Math.floor(at / nx) % ny, Math.floor(at / (nx * ny))]
  return Array.from(values.keys()).filter((j) =>
    place(j).every((c, axis) => Math.abs(c - place(i)[axis]!) <= radii[axis]!),
  )
}

describe('boxSum', () => {
  it('equals the sum over every voxel of the box', () => {
    for (const radii of [
      [0, 0, 0],
      [1, 0, 2],
      [2, 3, 1],
      [9, 9, 9],
    ] as const) {
      const field = values.slice()
      boxSum(field, shape, radii)
      field.forEach((sum, i) => {
        expect(sum).toBeCloseTo(
          around(i, radii).reduce((total, j) => total + values[j]!, 0),
          4,
        )
      })
    }
  })
})

describe('localMean', () => {
  it('keeps a constant, also beside the border of the mask, and is 0 outside', () => {
    const mean = localMean(mask, shape, [1, 1, 2], 4)(values.map((_, i) => (mask[i] ? 5 : 999)))
    mean.forEach((value, i) => {
      expect(value).toBeCloseTo(mask[i] ? 5 : 0, 4)
    })
  })

  it('has half of its height at half of its width', () => {
    const line = new Float32Array(121)
    line[60] = 1
    const mean = localMean(new Uint8Array(121).fill(1), [121, 1, 1], [0.5, 1, 1], 12)(line)
    expect(mean[60 + 12]! / mean[60]!).toBeGreaterThan(0.42)
    expect(mean[60 + 12]! / mean[60]!).toBeLessThan(0.58)
  })
})

describe('brainBox', () => {
  it('cuts out the smallest box and puts it back where it was', () => {
    const inner = mask.map((inside, i) => (i % 7 > 1 && i % 7 < 6 && i >= 35 ? inside : 0))
    const box = brainBox(inner, shape)
    expect(box.shape).toEqual([4, 5, 5])
    const outside = values.map((value, i) => (inner[i] ? value : 0))
    expect(box.paste(box.cut(outside))).toEqual(outside)
    expect(box.cut(inner).reduce((a, b) => a + b)).toBe(inner.reduce((a, b) => a + b))
  })

  it('is empty for an empty mask', () => {
    expect(brainBox(new Uint8Array(210), shape).shape).toEqual([0, 0, 0])
  })
})
