import { type Affine, IDENTITY_AFFINE, makeVolume, type PreparedSubject, type Shape3 } from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { predictSubject } from '../../src/prediction/predict-subject.ts'
import { fakeNetwork, named, ODD, options, ramp, SHAPE } from './examples.ts'

describe('predictSubject', () => {
  it.each(['native', 'stored'] as const)('%s: moves voxels without changing them', async (grid) => {
    const volume = makeVolume(SHAPE, ramp(SHAPE), ODD)
    const { normalized, labels, probabilities } = await predictSubject(
      's',
      [named(volume)],
      undefined,
      options(grid),
      fakeNetwork,
    )
    expect(normalized[0]!.header).toBe(volume.header)
    expect(normalized[0]!.affine).toEqual(ODD)
    volume.data.forEach((value, voxel) => {
      expect(normalized[0]!.data[voxel]).toBeCloseTo(value / 119 / 2, 6)
      const label = Math.min(3, Math.floor((4 * value) / 119 + 1e-6))
      expect(labels.data[voxel]).toBe(label)
      expect(probabilities.map(({ data }) => data[voxel])).toEqual(
        [0, 1, 2, 3].map((other) => (other === label ? 1 : 0)),
      )
    })
  })

  it('gives the networks axes z, y, x of the nearest RAS order, or the stored ones', async () => {
    const seen: PreparedSubject[] = []
    const watch = (prepared: PreparedSubject) => {
      seen.push(prepared)
      return fakeNetwork(prepared)
    }
    const volume = makeVolume(SHAPE, ramp(SHAPE), ODD)
    await predictSubject('s', [named(volume)], undefined, options('native'), watch)
    await predictSubject('s', [named(volume)], undefined, options('stored'), watch)
    await predictSubject('s', [named(volume)], undefined, options('model'), watch)
    expect(seen.map(({ shape }) => shape)).toEqual([
      [6, 4, 5],
      [4, 5, 6],
      [12, 4, 5],
    ])
  })

  it('model: interpolates the image and the probabilities back, labels are their largest', async () => {
    const shape: Shape3 = [4, 4, 4]
    const affine: Affine = [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]
    const volume = makeVolume(
      shape,
      Float32Array.from({ length: 64 }, (_, index) => 10 + (index % 4) * 10),
      affine,
    )
    const { normalized, labels, probabilities, prepared } = await predictSubject(
      's',
      [named(volume)],
      undefined,
      options('model'),
      fakeNetwork,
    )
    expect(prepared.shape).toEqual([8, 8, 8])
    expect(normalized[0]!.shape).toEqual(shape)
    for (let voxel = 0; voxel < 64; voxel++) {
      const x = voxel % 4
      // A linear ramp survives two linear interpolations away from the edges.
      if (x === 1 || x === 2) expect(normalized[0]!.data[voxel]).toBeCloseTo((10 + 10 * x) / 40 / 2, 5)
      const column = probabilities.map(({ data }) => data[voxel]!)
      expect(column.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5)
      expect(column[labels.data[voxel]!]).toBe(Math.max(...column))
    }
  })

  it("brings the image to the model's standard scale", async () => {
    const standardScale = [Array.from({ length: 11 }, (_, landmark) => 0.1 + 0.8 * (landmark / 10) ** 2)]
    const volume = makeVolume(SHAPE, ramp(SHAPE), IDENTITY_AFFINE)
    const scaled = { ...options('native'), scaling: 'nyul' as const, standardScale }
    const { prepared } = await predictSubject('s', [named(volume)], undefined, scaled, fakeNetwork)
    // Of the brain 1..119 the median is 60, and the landmark of the median is the sixth.
    expect(prepared.image[60]).toBeCloseTo(0.1 + 0.8 * 0.25, 6)
    expect(prepared.image[0]).toBe(0)
  })

  it('leaves everything outside the mask empty', async () => {
    const volume = makeVolume(
      SHAPE,
      ramp(SHAPE).map((value) => value + 1),
      ODD,
    )
    const mask = makeVolume(
      SHAPE,
      ramp(SHAPE).map((value) => (value < 60 ? 1 : 0)),
      ODD,
    )
    const { normalized, labels, probabilities } = await predictSubject(
      's',
      [named(volume)],
      named(mask, 'm.nii'),
      options('native'),
      fakeNetwork,
    )
    for (let voxel = 60; voxel < 120; voxel++) {
      expect([normalized[0]!.data[voxel], labels.data[voxel], probabilities[0]!.data[voxel]]).toEqual([
        0, 0, 1,
      ])
    }
  })

  it('names the file that cannot be used', async () => {
    const broken = makeVolume(SHAPE, ramp(SHAPE).fill(Number.NaN), ODD)
    const attempt = predictSubject('s', [named(broken, 'bad.nii')], undefined, options('native'), fakeNetwork)
    await expect(attempt).rejects.toMatchObject({ kind: 'data', file: 'bad.nii' })
    const first = makeVolume(SHAPE, ramp(SHAPE), ODD)
    const second = makeVolume(SHAPE, ramp(SHAPE), IDENTITY_AFFINE)
    const pair = predictSubject(
      's',
      [named(first, 'a.nii'), named(second, 'b.nii')],
      undefined,
      options('native'),
      fakeNetwork,
    )
    await expect(pair).rejects.toThrow(/b\.nii/)
  })
})
