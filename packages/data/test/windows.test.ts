import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { copyCube, type Triple } from '../src/axes.ts'
import { windowAggregator, windowCorners, windowStarts } from '../src/windows.ts'

function largestDifference(values: ArrayLike<number>, others: ArrayLike<number>): number {
  expect(values).toHaveLength(others.length)
  return Math.max(...Array.from(values, (value, index) => Math.abs(value - others[index]!)))
}

describe('windowStarts', () => {
  it.each([
    [32, 32, 8, [0]],
    [40, 32, 8, [0, 8]],
    [41, 32, 8, [0, 8, 9]],
    [20, 32, 8, [0]],
    [70, 32, 32, [0, 32, 38]],
  ])('of length %i, window %i, stride %i', (length, window, stride, starts) => {
    expect(windowStarts(length, window, stride)).toEqual(starts)
  })

  it('covers the axis, inside it, in steps of at most the stride', () => {
    const sizes = [fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 40 })] as const
    fc.assert(
      fc.property(...sizes, fc.integer({ min: 1, max: 40 }), (length, window, stride) => {
        const starts = windowStarts(length, window, stride)
        expect(starts[0]).toBe(0)
        expect(starts.at(-1)).toBe(Math.max(0, length - window))
        starts.slice(1).forEach((start, index) => {
          const step = start - starts[index]!
          expect(step).toBeGreaterThan(0)
          expect(step).toBeLessThanOrEqual(stride)
        })
      }),
    )
  })
})

describe('windowCorners', () => {
  // Along an axis there are 1 + ⌈(length − 32) / stride⌉ windows.
  it.each([
    [[256, 256, 192], 8, 17_661],
    [[160, 192, 160], 8, 6069],
    [[128, 160, 128], 8, 2873],
    [[256, 256, 192], 16, 2475],
  ])('of %j with stride %i are %i', (shape, stride, count) => {
    expect(windowCorners(shape as unknown as Triple, 32, stride)).toHaveLength(count)
  })

  it('come in the order of z, y, x', () => {
    expect(windowCorners([5, 4, 6], 4, 3)).toEqual([
      [0, 0, 0],
      [0, 0, 2],
      [1, 0, 0],
      [1, 0, 2],
    ])
  })

  it('leave out the windows without brain', () => {
    const shape: Triple = [9, 7, 11]
    fc.assert(
      fc.property(
        fc.array(fc.nat(9 * 7 * 11 - 1), { maxLength: 4 }),
        fc.integer({ min: 2, max: 8 }),
        (voxels, side) => {
          const mask = new Uint8Array(9 * 7 * 11)
          for (const voxel of voxels) mask[voxel] = 1
          const expected = windowCorners(shape, side, 2).filter((corner) =>
            voxels.some((voxel) => {
              const position = [Math.floor(voxel / 77), Math.floor(voxel / 11) % 7, voxel % 11]
              return position.every((p, axis) => p >= corner[axis]! && p < corner[axis]! + side)
            }),
          )
          expect(windowCorners(shape, side, 2, mask)).toEqual(expected)
        },
      ),
    )
  })
})

describe('windowAggregator', () => {
  const volume = fc.record({
    shape: fc.tuple(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
    ),
    window: fc.integer({ min: 1, max: 6 }),
    stride: fc.integer({ min: 1, max: 6 }),
    channels: fc.integer({ min: 1, max: 3 }),
  })

  it('gives a volume back from its windows', () => {
    fc.assert(
      fc.property(volume, ({ shape, window, stride, channels }) => {
        const size = shape[0] * shape[1] * shape[2] * channels
        const data = Float32Array.from({ length: size }, (_, index) => Math.sin(index))
        const aggregator = windowAggregator(shape, window, channels)
        const cube = new Float32Array(window ** 3 * channels + 5)
        const result: number[] = []
        for (const corner of windowCorners(shape, window, Math.min(stride, window))) {
          for (const plane of aggregator.finishedThrough(corner[0])) result.push(...plane.values)
          copyCube({ data, shape, channels }, corner, window, cube, 5)
          aggregator.add(corner, cube, 5)
        }
        for (const plane of aggregator.finishedThrough(shape[0])) result.push(...plane.values)
        expect(result).toHaveLength(size)
        expect(largestDifference(result, data)).toBeLessThan(1e-7)
      }),
    )
  })

  it('averages what covers a voxel, as a sum over the whole volume would', () => {
    fc.assert(
      fc.property(
        volume,
        fc.array(fc.boolean(), { minLength: 200 }),
        ({ shape, window, stride, channels }, keep) => {
          const [depth, height, width] = shape
          const corners = windowCorners(shape, window, stride).filter((_, index) => keep[index % keep.length])
          const sums = new Float64Array(depth * height * width * channels)
          const counts = new Float64Array(depth * height * width * channels)
          const aggregator = windowAggregator(shape, window, channels)
          const planes: { z: number; values: Float32Array }[] = []
          corners.forEach((corner, number) => {
            const values = Float32Array.from({ length: window ** 3 * channels }, (_, i) =>
              Math.cos(i + 7 * number),
            )
            planes.push(...aggregator.finishedThrough(corner[0]))
            aggregator.add(corner, values)
            values.forEach((value, i) => {
              const voxel = Math.floor(i / channels)
              const z = corner[0] + Math.floor(voxel / window ** 2)
              const y = corner[1] + (Math.floor(voxel / window) % window)
              const x = corner[2] + (voxel % window)
              if (z >= depth || y >= height || x >= width) return
              const to = ((z * height + y) * width + x) * channels + (i % channels)
              sums[to]! += value
              counts[to]!++
            })
          })
          planes.push(...aggregator.finishedThrough(depth))
          expect(planes.map(({ z }) => z)).toEqual(Array.from({ length: depth }, (_, z) => z))
          const values = planes.flatMap((plane) => [...plane.values])
          const means = sums.map((sum, index) => (counts[index] === 0 ? 0 : sum / counts[index]!))
          expect(largestDifference(values, means)).toBeLessThan(1e-7)
        },
      ),
    )
  })

  it('refuses windows out of order', () => {
    const aggregator = windowAggregator([8, 4, 4], 4, 1)
    const values = new Float32Array(64)
    aggregator.add([0, 0, 0], values)
    expect(() => aggregator.add([2, 0, 0], values)).toThrow(RangeError)
    aggregator.finishedThrough(2)
    expect(() => aggregator.add([2, 0, 0], values)).not.toThrow()
    expect(() => aggregator.add([1, 0, 0], values)).toThrow('does not fit the slab of slices 2 to 5')
  })
})
