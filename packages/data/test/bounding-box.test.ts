import fc from 'fast-check'
import { expect, it } from 'vitest'
import { boundingBox } from '../src/bounding-box.ts'

const side = fc.integer({ min: 1, max: 5 })

it('is the least and the largest index of every axis', () => {
  fc.assert(
    fc.property(fc.tuple(side, side, side), fc.infiniteStream(fc.boolean()), (shape, stream) => {
      const [nx, ny, nz] = shape
      const mask = Array.from({ length: nx * ny * nz }, () => stream.next().value)
      const places = mask.flatMap((inside, voxel) =>
        inside ? [[voxel % nx, Math.floor(voxel / nx) % ny, Math.floor(voxel / (nx * ny))]] : [],
      )
      const ends = (pick: (...values: number[]) => number) =>
        [0, 1, 2].map((axis) => pick(...places.map((place) => place[axis]!)))
      const expected = places.length === 0 ? undefined : { low: ends(Math.min), high: ends(Math.max) }
      expect(boundingBox(shape, (voxel) => mask[voxel]!)).toEqual(expected)
    }),
  )
})
