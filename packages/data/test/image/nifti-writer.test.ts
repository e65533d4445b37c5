import {
  type AnyVolume,
  type ImageHeader,
  makeLabelVolume,
  makeVolume,
  nearestOrientation,
  readVolume,
  type Shape3,
  toRas,
  type Volume,
  voxelSizes,
  writeNifti,
} from '@voxnorm/data'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const RAMP = Float32Array.from({ length: 24 }, (_, index) => index - 5.25)

/** Signed permutation matrices: all 48 ways to store three axes, turned a little so that the grid is oblique. */
function storedAffines(oblique: boolean): number[][] {
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]
  const [cos, sin] = oblique ? [0.96, 0.28] : [1, 0]
  return orders.flatMap((order) =>
    Array.from({ length: 8 }, (_, flips) => {
      const rows = [0, 1, 2].map((row) =>
        order.map((axis, column) => (axis === row ? (flips & (1 << column) ? -1 : 1) * (column + 1) : 0)),
      )
      const turned = [
        rows[0]!.map((value, index) => cos * value - sin * rows[1]![index]!),
        rows[0]!.map((value, index) => sin * value + cos * rows[1]![index]!),
        rows[2]!,
      ]
      return [...turned.flatMap((row, index) => [...row, [-90, 20.5, 7][index]!]), 0, 0, 0, 1]
    }),
  )
}

/** What a scanner's file would hold: rounds every number of the header to float32, as a file does. */
function asRead(affine: readonly number[], change: (header: ImageHeader) => Partial<ImageHeader>): Volume {
  const made = makeVolume([2, 3, 4], RAMP, affine)
  const header = { ...made.header, ...change(made.header) }
  return readVolume(writeNifti({ ...made, header }), { name: 'source.nii' })
}

function geometry({ pixdim, qform, sform, units, intent, extensions }: ImageHeader) {
  return { pixdim, qform, sform, units, intent, extensions }
}

const FORMS: Readonly<Record<string, (header: ImageHeader) => Partial<ImageHeader>>> = {
  both: () => ({}),
  'qform only': ({ sform }) => ({ sform: { ...sform, code: 0 } }),
  'sform only': ({ qform }) => ({ qform: { ...qform, code: 0 } }),
  none: ({ qform, sform }) => ({ qform: { ...qform, code: 0 }, sform: { ...sform, code: 0 } }),
  disagreeing: ({ qform }) => ({ qform: { ...qform, code: 3, offset: [1, 2, 3] } }),
}

describe('writeNifti', () => {
  test.each(Object.keys(FORMS))('gives back the geometry of a source with %s, in all 48 orders', (forms) => {
    for (const affine of [...storedAffines(false), ...storedAffines(true)]) {
      const source = asRead(affine, FORMS[forms]!)
      if (forms !== 'none' && forms !== 'disagreeing') {
        source.affine.forEach((value, index) => {
          expect(value).toBeCloseTo(affine[index]!, 4)
        })
      }
      const ras = toRas(source)
      const outputs: AnyVolume[] = [
        source,
        ras.restore(ras.volume),
        ras.restore(makeLabelVolume(ras.volume.shape, new Uint8Array(24).fill(3), ras.volume.affine)),
      ]
      for (const output of outputs) {
        const again = readVolume(writeNifti(output), { name: 'output.nii' })
        expect(geometry(again.header)).toEqual(geometry(source.header))
        expect(again.affine).toEqual(source.affine)
        expect([...again.data]).toEqual([...output.data])
      }
    }
  })

  test('the forms made for an affine say the same, whichever is read', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
        fc.boolean(),
        (q, flip) => {
          const length = Math.hypot(...q)
          fc.pre(length > 0.1)
          const [a, b, c, d] = q.map((value) => value / length) as [number, number, number, number]
          // Next to a half turn, float32 cannot tell a from zero, and the writer leaves the quaternion out.
          fc.pre(Math.abs(a) > 0.01)
          const k = flip ? -3 : 3
          const affine = [
            ...[a * a + b * b - c * c - d * d, 2 * (2 * b * c - 2 * a * d), k * (2 * b * d + 2 * a * c), 5],
            ...[2 * b * c + 2 * a * d, 2 * (a * a + c * c - b * b - d * d), k * (2 * c * d - 2 * a * b), -6],
            ...[2 * b * d - 2 * a * c, 2 * (2 * c * d + 2 * a * b), k * (a * a + d * d - c * c - b * b), 7],
            ...[0, 0, 0, 1],
          ]
          const volume = makeVolume([2, 3, 4], RAMP, affine)
          expect(volume.header.qform.code).toBe(1)
          const fromQuaternion = asRead(affine, FORMS['qform only']!)
          fromQuaternion.affine.forEach((value, index) => {
            expect(Math.abs(value - affine[index]!)).toBeLessThan(2e-3)
          })
        },
      ),
      { numRuns: 300 },
    )
  })

  test('writes NIfTI-1 as the standard lays it out', () => {
    const extensions = [{ code: 6, data: new TextEncoder().encode('a comment of some length') }]
    const volume = makeVolume([2, 3, 4], RAMP)
    const bytes = writeNifti(
      { ...volume, header: { ...volume.header, extensions } },
      { description: `v${'x'.repeat(100)}`, displayRange: [-1, 9] },
    )
    const view = new DataView(bytes.buffer)
    expect(view.getInt32(0, true)).toBe(348)
    expect([0, 1, 2, 3, 4].map((index) => view.getInt16(40 + 2 * index, true))).toEqual([3, 2, 3, 4, 1])
    expect([view.getInt16(70, true), view.getInt16(72, true)]).toEqual([16, 32])
    expect(view.getFloat32(108, true)).toBe(384)
    expect([112, 116, 124, 128].map((at) => view.getFloat32(at, true))).toEqual([1, 0, 9, -1])
    expect(bytes[123]).toBe(2)
    expect([bytes[148 + 78], bytes[148 + 79]]).toEqual([120, 0])
    expect(String.fromCharCode(...bytes.subarray(344, 348))).toBe('n+1\0')
    expect([bytes[348], view.getInt32(352, true), view.getInt32(356, true)]).toEqual([1, 32, 6])
    expect(view.getFloat32(384, true)).toBe(-5.25)
    expect(bytes.length).toBe(384 + 24 * 4)
    expect(readVolume(bytes, { name: 'a.nii' }).header.extensions).toEqual(extensions)
  })

  test('label maps are uint8', () => {
    const bytes = writeNifti(makeLabelVolume([2, 3, 4], new Uint8Array(24).fill(3)))
    expect(new DataView(bytes.buffer).getInt16(70, true)).toBe(2)
    expect(bytes.length).toBe(352 + 24)
  })

  test('takes NIfTI-2 where a dimension or a number of a NIfTI-2 source needs it', () => {
    const long = makeVolume([40000, 2, 1] as Shape3, new Float32Array(80000).fill(2))
    const read = readVolume(writeNifti(long), { name: 'long.nii' })
    expect(read.header.format).toBe('nifti2')
    expect(read.shape).toEqual([40000, 2, 1])
    const precise = { ...read, shape: [2, 3, 4] as Shape3, data: RAMP }
    expect(readVolume(writeNifti(precise), { name: 'a.nii' }).header.format).toBe('nifti1')
    const sform = { code: 1, rows: [0.1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1] }
    const again = readVolume(writeNifti({ ...precise, header: { ...read.header, sform } }), { name: 'a.nii' })
    expect(again.header.format).toBe('nifti2')
    expect(again.affine[0]).toBe(0.1)
  })

  test('the same volume twice gives the same bytes', () => {
    const volume = makeVolume([2, 3, 4], RAMP, storedAffines(true)[17]!)
    expect(writeNifti(volume)).toEqual(writeNifti(volume))
  })
})

describe('toRas', () => {
  test('is exactly invertible and ends within 55 degrees of RAS for any grid', () => {
    const entry = fc.double({ min: -1, max: 1, noNaN: true })
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 9, maxLength: 9 }),
        fc.tuple(
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 1, max: 4 }),
          fc.integer({ min: 1, max: 4 }),
        ),
        (m, shape) => {
          const [a, b, c, d, e, f, g, h, i] = m as [
            number,
            number,
            number,
            number,
            number,
            number,
            number,
            number,
            number,
          ]
          const affine = [a, b, c, 10, d, e, f, -20, g, h, i, 30, 0, 0, 0, 1]
          const [sx, sy, sz] = voxelSizes(affine)
          const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
          fc.pre(Math.abs(determinant) > 0.05 * sx * sy * sz)
          const count = shape[0] * shape[1] * shape[2]
          const stored = makeVolume(
            shape,
            Float32Array.from({ length: count }, (_, index) => index),
            affine,
          )
          const { volume, restore } = toRas(stored)
          const back = restore(volume)
          expect([...back.data]).toEqual([...stored.data])
          expect(back.affine).toBe(stored.affine)
          const { axes, signs } = nearestOrientation(volume.affine)
          expect([axes, signs]).toEqual([
            [0, 1, 2],
            [1, 1, 1],
          ])
          // Every value is still at its place in the world.
          volume.data.forEach((value, index) => {
            const ras = [
              index % volume.shape[0],
              Math.floor(index / volume.shape[0]) % volume.shape[1],
              Math.floor(index / volume.shape[0] / volume.shape[1]),
            ]
            const own = [
              value % shape[0],
              Math.floor(value / shape[0]) % shape[1],
              Math.floor(value / shape[0] / shape[1]),
            ]
            for (const row of [0, 4, 8]) {
              const place = (matrix: readonly number[], at: number[]) =>
                at.reduce((sum, position, axis) => sum + matrix[row + axis]! * position, matrix[row + 3]!)
              expect(place(volume.affine, ras)).toBeCloseTo(place(affine, own), 9)
            }
          })
        },
      ),
      { numRuns: 200 },
    )
  })
})
