import {
  classDistances,
  DataError,
  maskDistances,
  type Shape3,
  type Spacing,
  squaredDistanceTransform,
  surfaceVoxels,
} from '@voxnorm/data'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

type Point = readonly [number, number, number]

function points(mask: ArrayLike<number>, [nx, ny, nz]: Shape3, spacing: Spacing): Point[] {
  const found: Point[] = []
  for (let i = 0; i < nx * ny * nz; i++) {
    if (!mask[i]) continue
    found.push([
      (i % nx) * spacing[0],
      (Math.floor(i / nx) % ny) * spacing[1],
      Math.floor(i / (nx * ny)) * spacing[2],
    ])
  }
  return found
}

const nearest = (from: Point, to: Point[]) =>
  Math.min(...to.map((p) => Math.hypot(p[0] - from[0], p[1] - from[1], p[2] - from[2])))

const grids = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 6 }))
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape as Shape3),
      spacing: fc.tuple(
        fc.double({ min: 0.3, max: 4, noNaN: true }),
        fc.double({ min: 0.3, max: 4, noNaN: true }),
        fc.double({ min: 0.3, max: 4, noNaN: true }),
      ) as fc.Arbitrary<Spacing>,
      a: fc.array(fc.constantFrom(0, 0, 0, 1), {
        minLength: shape[0] * shape[1] * shape[2],
        maxLength: shape[0] * shape[1] * shape[2],
      }),
      b: fc.array(fc.constantFrom(0, 0, 1), {
        minLength: shape[0] * shape[1] * shape[2],
        maxLength: shape[0] * shape[1] * shape[2],
      }),
    }),
  )

describe('squaredDistanceTransform', () => {
  it('equals the brute-force nearest distance on any grid and spacing', () => {
    fc.assert(
      fc.property(grids, ({ shape, spacing, a }) => {
        const transform = squaredDistanceTransform(a, shape, spacing)
        const targets = points(a, shape, spacing)
        const everywhere = points(new Uint8Array(a.length).fill(1), shape, spacing)
        everywhere.forEach((p, i) => {
          const expected = targets.length === 0 ? Number.POSITIVE_INFINITY : nearest(p, targets)
          if (expected === Number.POSITIVE_INFINITY) expect(transform[i]).toBe(expected)
          else expect(Math.sqrt(transform[i]!)).toBeCloseTo(expected, 9)
        })
      }),
      { numRuns: 60 },
    )
  })
})

describe('distances', () => {
  it('agree with brute force over all pairs of points', () => {
    fc.assert(
      fc.property(grids, ({ shape, spacing, a, b }) => {
        fc.pre(a.includes(1) && b.includes(1))
        const got = maskDistances(a, b, shape, spacing)
        const [wholeA, wholeB] = [points(a, shape, spacing), points(b, shape, spacing)]
        const edgeA = points(surfaceVoxels(a, shape), shape, spacing)
        const edgeB = points(surfaceVoxels(b, shape), shape, spacing)
        const ab = edgeA.map((p) => nearest(p, edgeB))
        const ba = edgeB.map((p) => nearest(p, edgeA))
        const average = (list: number[]) => list.reduce((sum, value) => sum + value, 0) / list.length
        const mhd =
          (Math.max(...wholeA.map((p) => nearest(p, wholeB))) +
            Math.max(...wholeB.map((p) => nearest(p, wholeA)))) /
          2
        expect(got.mhd).toBeCloseTo(mhd, 9)
        expect(got.hd).toBeCloseTo(Math.max(...ab, ...ba), 9)
        expect(got.assd).toBeCloseTo((average(ab) + average(ba)) / 2, 9)
        expect(got.hd95).toBeLessThanOrEqual(got.hd)
      }),
      { numRuns: 60 },
    )
  })

  it('are zero for equal masks and for two empty ones, undefined when one is empty', () => {
    const mask = [0, 1, 1, 0, 1, 0, 0, 0]
    const empty = new Uint8Array(8)
    const zero = { mhd: 0, hd: 0, hd95: 0, hd95Pooled: 0, assd: 0 }
    expect(maskDistances(mask, mask, [2, 2, 2], [1, 1, 1])).toEqual(zero)
    expect(maskDistances(empty, empty, [2, 2, 2], [1, 1, 1])).toEqual(zero)
    for (const value of Object.values(maskDistances(mask, empty, [2, 2, 2], [1, 1, 1]))) {
      expect(value).toBeNaN()
    }
  })

  it('of a class ignore the other classes', () => {
    const prediction = [2, 0, 0, 3, 1]
    const reference = [0, 0, 2, 3, 3]
    expect(classDistances(prediction, reference, 2, [5, 1, 1], [1.5, 1, 1]).hd).toBe(3)
  })

  it('refuse maps that do not fit the grid', () => {
    expect(() => maskDistances([1, 0], [1, 0, 0], [3, 1, 1], [1, 1, 1])).toThrow(DataError)
  })

  it('are right on a volume of clinical size', () => {
    const size = 160
    const shape: Shape3 = [size, size, size]
    const ball = (radius: number) => {
      const mask = new Uint8Array(size ** 3)
      let i = 0
      for (let z = 0; z < size; z++)
        for (let y = 0; y < size; y++)
          for (let x = 0; x < size; x++, i++) {
            mask[i] = Math.hypot(x - 80, y - 80, z - 80) <= radius ? 1 : 0
          }
      return mask
    }
    const got = maskDistances(ball(70), ball(66), shape, [1, 1, 1])
    expect(got.hd).toBeCloseTo(4, 0)
  })
})
