import {
  applyAffine,
  gridWithVoxelSize,
  invertAffine,
  makeLabelVolume,
  makeVolume,
  resampleLinear,
  resampleNearest,
  type Shape3,
  sameGrid,
  toRas,
  type Volume,
  voxelSizes,
} from '@voxnorm/data'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const OBLIQUE = [-0.9, 0.25, 0.1, 40, 0.3, 1.1, -0.4, -60, 0.05, 0.35, 2.1, 12, 0, 0, 0, 1]

/** A volume whose value is a linear function of the world position, which linear interpolation must keep. */
function worldRamp(shape: Shape3, affine: readonly number[]): Volume {
  const data = new Float32Array(shape[0] * shape[1] * shape[2])
  for (let index = 0; index < data.length; index++) {
    const [x, y, z] = applyAffine(affine, positionOf(index, shape))
    data[index] = rampAt(x, y, z)
  }
  return makeVolume(shape, data, affine)
}

function rampAt(x: number, y: number, z: number): number {
  return 3 * x - 2 * y + 0.5 * z + 7
}

function positionOf(index: number, [nx, ny]: Shape3): [number, number, number] {
  return [index % nx, Math.floor(index / nx) % ny, Math.floor(index / nx / ny)]
}

describe('resampleLinear', () => {
  test('on its own grid gives back every value and the header', () => {
    const value = fc.float({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(
        fc.tuple(
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 5 }),
        ),
        fc.array(value, { minLength: 125, maxLength: 125 }),
        (shape, values) => {
          const volume = makeVolume(
            shape,
            Float32Array.from(values.slice(0, shape[0] * shape[1] * shape[2])),
            OBLIQUE,
          )
          const again = resampleLinear(volume, volume)
          expect(again.data.every((entry, index) => entry === volume.data[index])).toBe(true)
          expect(again.header).toBe(volume.header)
        },
      ),
    )
  })

  test('through the RAS order and back is the identity, too', () => {
    const volume = worldRamp([4, 5, 6], OBLIQUE)
    const ras = toRas(volume).volume
    expect([...resampleLinear(ras, volume).data]).toEqual([...volume.data])
  })

  test('keeps a linear function of the world wherever the target lies between source voxels', () => {
    const source = worldRamp([12, 13, 9], OBLIQUE)
    const target = {
      shape: [20, 20, 20] as Shape3,
      affine: [0.5, 0, 0, 33, 0, 0.6, 0, -55, 0, 0, 0.7, 12, 0, 0, 0, 1],
    }
    const result = resampleLinear(source, target)
    const toSource = invertAffine(OBLIQUE)
    let inside = 0
    result.data.forEach((value, index) => {
      const world = applyAffine(target.affine, positionOf(index, target.shape))
      const position = applyAffine(toSource, world)
      const within = position.every((p, axis) => p >= 0 && p <= source.shape[axis]! - 1)
      const beyond = position.some((p, axis) => p < -0.51 || p > source.shape[axis]! - 0.49)
      if (within) {
        inside++
        expect(value).toBeCloseTo(rampAt(...world), 3)
      } else if (beyond) expect(value).toBe(0)
    })
    expect(inside).toBeGreaterThan(1000)
    expect(inside).toBeLessThan(7000)
  })

  test('holds the edge value in the outermost half voxel', () => {
    const source = makeVolume([2, 1, 1], Float32Array.of(10, 20))
    const target = {
      shape: [5, 1, 1] as Shape3,
      affine: [0.5, 0, 0, -0.75, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    }
    expect([...resampleLinear(source, target).data]).toEqual([0, 10, 12.5, 17.5, 20])
  })
})

test('resampleNearest takes the nearest label and 0 outside', () => {
  const source = makeLabelVolume([3, 1, 1], Uint8Array.of(1, 2, 3))
  const target = { shape: [8, 1, 1] as Shape3, affine: [0.5, 0, 0, -0.7, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] }
  expect([...resampleNearest(source, target).data]).toEqual([0, 1, 1, 2, 2, 3, 3, 0])
})

describe('gridWithVoxelSize', () => {
  test('covers the same box around the same centre', () => {
    const source = worldRamp([10, 21, 7], OBLIQUE)
    const grid = gridWithVoxelSize(source, 1)
    voxelSizes(grid.affine).forEach((size) => {
      expect(size).toBeCloseTo(1, 9)
    })
    const middle = (shape: Shape3) => shape.map((size) => (size - 1) / 2) as [number, number, number]
    applyAffine(grid.affine, middle(grid.shape)).forEach((value, axis) => {
      expect(value).toBeCloseTo(applyAffine(OBLIQUE, middle(source.shape))[axis]!, 9)
    })
    voxelSizes(OBLIQUE).forEach((size, axis) => {
      const missing = source.shape[axis]! * size - grid.shape[axis]!
      expect(missing).toBeLessThan(0.01)
      expect(missing).toBeGreaterThan(-1)
    })
  })

  test('leaves axes within one percent alone', () => {
    const affine = [1.005, 0, 0, 0, 0, 0.998, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    const near = { shape: [4, 4, 4] as Shape3, affine }
    expect(gridWithVoxelSize(near, 1)).toBe(near)
    const thick = { shape: [4, 4, 4] as Shape3, affine: affine.with(10, 3) }
    const grid = gridWithVoxelSize(thick, 1)
    expect(grid.shape).toEqual([4, 4, 12])
    expect(grid.affine[0]).toBe(1.005)
    expect(grid.affine[11]).toBeCloseTo(-1, 9)
  })
})

test('sameGrid compares shape and place', () => {
  const grid = { shape: [4, 5, 6] as Shape3, affine: OBLIQUE }
  expect(sameGrid(grid, { ...grid, affine: OBLIQUE.with(3, 40.04) })).toBe(true)
  expect(sameGrid(grid, { ...grid, affine: OBLIQUE.with(3, 40.2) })).toBe(false)
  expect(sameGrid(grid, { ...grid, shape: [4, 5, 7] })).toBe(false)
})
