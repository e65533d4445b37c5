import { existsSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyAffine } from '../src/affine.ts'
import { DataError } from '../src/errors.ts'
import {
  type Affine,
  IDENTITY_AFFINE,
  makeLabelVolume,
  makeVolume,
  type Shape3,
} from '../src/image/volume.ts'
import { openDataset } from '../src/node/dataset.ts'
import { loadSubject } from '../src/node/load-subject.ts'
import {
  type PrepareOptions,
  prepareSubject,
  resampleClasses,
  type SubjectVolumes,
} from '../src/prepare-subject.ts'

const SHAPE: Shape3 = [4, 5, 6]
const COUNT = 120

function named(
  file: string,
  values: (index: number) => number,
  affine: Affine = IDENTITY_AFFINE,
  shape = SHAPE,
) {
  const length = shape[0] * shape[1] * shape[2]
  return {
    file,
    volume: makeVolume(
      shape,
      Float32Array.from({ length }, (_, index) => values(index)),
      affine,
    ),
  }
}

function prepare(volumes: SubjectVolumes, options: Partial<PrepareOptions> = {}) {
  // Volumes of a few voxels have no background.
  return prepareSubject({ id: 's', site: 'a' }, volumes, { scaling: 'max', maskFrom: 'positive', ...options })
}

const T1 = named('t1.nii', (index) => index)
const T2 = named('t2.nii', (index) => 2 * index + 1)

describe('prepareSubject', () => {
  it('interleaves the scaled channels in the memory order of the volume', () => {
    const mask = named('m.nii', (index) => (index % 3 === 0 ? 0 : 0.5))
    const label = named('l.nii', (index) => index % 4)
    const prepared = prepare({ images: [T1, T2], label, mask }, { labels: 'paper' })
    expect(prepared).toMatchObject({ id: 's', site: 'a', shape: [6, 5, 4], channels: 2 })
    for (let voxel = 0; voxel < COUNT; voxel++) {
      const brain = voxel % 3 > 0
      expect(prepared.mask[voxel]).toBe(brain ? 1 : 0)
      expect(prepared.label![voxel]).toBe(brain ? voxel % 4 : 0)
      expect(prepared.image[2 * voxel]).toBeCloseTo(brain ? voxel / 119 : 0, 6)
      expect(prepared.image[2 * voxel + 1]).toBeCloseTo(brain ? (2 * voxel + 1) / 239 : 0, 6)
    }
  })

  it('takes the first image above zero for the mask where it is told to, and BIDS numbers by default', () => {
    const label = named('l.nii', () => 1)
    const prepared = prepare({ images: [T1, T2], label })
    expect(prepared.mask[0]).toBe(0)
    expect(prepared.image[1]).toBe(0)
    expect(prepared.mask.slice(1).every((value) => value === 1)).toBe(true)
    expect([prepared.label![0], prepared.label![1]]).toEqual([0, 2])
  })

  it('lets the layout decide about the label numbers', () => {
    const label = named('l.nii', () => 150)
    const subject = { id: 's', site: 'a', labels: 'iseg' } as const
    expect(
      prepareSubject(subject, { images: [T1], label }, { scaling: 'max', maskFrom: 'positive' }).label![5],
    ).toBe(2)
  })

  it('turns the axes to RAS', () => {
    const flipped = [-1, 0, 0, 3, 0, -1, 0, 4, 0, 0, 1, 0, 0, 0, 0, 1]
    const prepared = prepare({ images: [named('t1.nii', (index) => 1 + index, flipped)] })
    // World (0, 0, 0) is the stored voxel (3, 4, 0), whose value is 1 + 3 + 4 * 4.
    expect(prepared.image[0]).toBeCloseTo(20 / 120, 6)
    expect(applyAffine(prepared.affine, [0, 0, 0])).toEqual([0, 0, 0])
  })

  it('resamples to the voxel size only when it differs by more than 1 %', () => {
    const scaled = (size: number): Affine => [size, 0, 0, 0, 0, size, 0, 0, 0, 0, size, 0, 0, 0, 0, 1]
    const close = prepare(
      { images: [named('t1.nii', (index) => 1 + index, scaled(1.009))] },
      { voxelSize: 1 },
    )
    expect(close.shape).toEqual([6, 5, 4])
    expect(close.affine[0]).toBe(1.009)
    const label = named('l.nii', (index) => (index % 4 < 2 ? 2 : 3), scaled(2))
    const coarse = prepare(
      { images: [named('t1.nii', (index) => 1 + (index % 4), scaled(2))], label },
      { voxelSize: 1, labels: 'paper' },
    )
    expect(coarse.shape).toEqual([12, 10, 8])
    expect([...coarse.label!.slice(0, 8)]).toEqual([2, 2, 2, 2, 3, 3, 3, 3])
    const row = [1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4].map((value) => Math.fround(value / 4))
    expect([...coarse.image.slice(0, 8)]).toEqual(row)
  })

  it('cuts to the brain without moving it in space', () => {
    const box = fc.tuple(fc.nat(3), fc.nat(4), fc.nat(5), fc.nat(3), fc.nat(4), fc.nat(5))
    const affine = [2, 0, 0, -7, 0, 2, 0, 5, 0, 0, 2, 1, 0, 0, 0, 1]
    fc.assert(
      fc.property(box, fc.nat(3), ([x0, y0, z0, x1, y1, z1], margin) => {
        const ends = [x0 + 4 * (y0 + 5 * z0), x1 + 4 * (y1 + 5 * z1)]
        const mask = named('m.nii', (index) => (ends.includes(index) ? 1 : 0), affine)
        const image = named('t1.nii', (index) => index + 1, affine)
        const label = named('l.nii', () => 1, affine)
        const whole = prepare({ images: [image], mask, label })
        const part = prepare({ images: [image], mask, label }, { margin })
        const size = (low: number, high: number, length: number) =>
          Math.min(length - 1, Math.max(low, high) + margin) - Math.max(0, Math.min(low, high) - margin) + 1
        expect(part.shape).toEqual([size(z0, z1, 6), size(y0, y1, 5), size(x0, x1, 4)])
        const positions = (prepared: typeof whole) =>
          [...prepared.mask.keys()]
            .filter((voxel) => prepared.mask[voxel] === 1)
            .map((voxel) => {
              const [, height, width] = prepared.shape
              const index = [
                voxel % width,
                Math.floor(voxel / width) % height,
                Math.floor(voxel / width / height),
              ]
              const world = applyAffine(prepared.affine, index as [number, number, number])
              return { world, value: prepared.image[voxel], label: prepared.label![voxel] }
            })
        expect(positions(part)).toEqual(positions(whole))
      }),
      { numRuns: 40 },
    )
  })

  it.each<[string, SubjectVolumes]>([
    ['t2.nii: The grid has shape', { images: [T1, named('t2.nii', () => 1, IDENTITY_AFFINE, [4, 5, 7])] }],
    [
      'l.nii: The grid is placed differently in space',
      { images: [T1], label: named('l.nii', () => 1, [1, 0, 0, 9, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]) },
    ],
    ['l.nii: The label map holds 10 (120 voxels)', { images: [T1], label: named('l.nii', () => 10) }],
    ['t1.nii: All voxels are zero', { images: [named('t1.nii', () => 0)] }],
    ['t1.nii: The brain mask of the image is empty', { images: [T1], mask: named('m.nii', () => 0) }],
  ])('says %s', (message, volumes) => {
    expect(() => prepare(volumes)).toThrow(DataError)
    expect(() => prepare(volumes)).toThrow(message)
  })
})

describe('resampleClasses', () => {
  it('takes the class with the largest share, the lower one in a tie, background outside', () => {
    const labels = makeLabelVolume([3, 1, 1], Uint8Array.of(3, 1, 1))
    const target = { shape: [6, 1, 1] as const, affine: [0.5, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] }
    expect([...resampleClasses(labels, target).data]).toEqual([3, 1, 1, 1, 1, 1])
    const outside = { ...target, affine: [1, 0, 0, -2, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] }
    expect([...resampleClasses(labels, outside).data]).toEqual([0, 0, 3, 1, 1, 0])
  })
})

const shared = existsSync('../shared/data/multisite/dataset.tsv')
describe.skipIf(!shared)('loadSubject on real scans (needs ../shared)', () => {
  it('loads one infant with two modalities', async () => {
    const { subjects } = await openDataset('../shared/data/multisite/dataset.tsv')
    const prepared = await loadSubject(subjects[0]!, {
      modalities: ['T1w', 'T2w'],
      labels: 'paper',
      scaling: 'max',
      voxelSize: 1,
    })
    expect(prepared.shape).toEqual([92, 114, 94])
    expect(prepared.image.length).toBe(92 * 114 * 94 * 2)
    expect(prepared.image.reduce((most, value) => Math.max(most, value))).toBe(1)
    expect(new Set(prepared.label)).toEqual(new Set([0, 1, 2, 3]))
  })
})
