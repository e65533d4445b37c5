import { describe, expect, it } from 'vitest'
import { randomStream } from '../../src/random.ts'
import { patchFeatures } from '../../src/statistics/patch-features.ts'

const SIDE = 16
const COUNT = SIDE ** 3
const [GRADIENT, NOISE] = [15, 16]

/** Slabs of CSF, GM and WM along z behind air. */
const slabs = Uint8Array.from({ length: COUNT }, (_, voxel) => Math.floor(voxel / SIDE ** 2 / 4))

describe('patchFeatures', () => {
  it('tells the tissues apart, without the air', () => {
    const values = [99, 1, 5, 9]
    const patch = Float32Array.from(
      slabs,
      (tissue, voxel) => values[tissue]! + (voxel % 2 === 0 ? 0.5 : -0.5),
    )
    const features = patchFeatures(patch, slabs, SIDE)
    expect(features).toHaveLength(17)
    expect(features.slice(0, 9)).toEqual([0.5, 1.5, 1.5, 4.5, 5, 5.5, 8.5, 8.5, 9.5])
    expect(features.slice(9, 15)).toEqual([1, 0.5, 5, 0.5, 9, 0.5])
  })

  it('takes the brain for tissues of which there is next to nothing', () => {
    const labels = new Uint8Array(COUNT).fill(2)
    labels.fill(3, 0, 7)
    const patch = Float32Array.from({ length: COUNT }, (_, voxel) => voxel % 5)
    const features = patchFeatures(patch, labels, SIDE)
    const brain = patch.reduce((sum, value) => sum + value, 0) / COUNT
    expect(features[9]).toBeCloseTo(brain, 6)
    expect(features[13]).toBeCloseTo(brain, 6)
    labels.fill(3, 0, 8)
    expect(patchFeatures(patch, labels, SIDE)[13]).toBeCloseTo(13 / 8, 6)
  })

  it('measures an even gradient, within the brain only, and no noise in it', () => {
    const patch = Float32Array.from({ length: COUNT }, (_, voxel) => {
      const [x, y, z] = [voxel % SIDE, Math.floor(voxel / SIDE) % SIDE, Math.floor(voxel / SIDE ** 2)]
      return z < 4 ? 1000 * x : 2 * x + 3 * y + 6 * z
    })
    const features = patchFeatures(patch, slabs, SIDE)
    expect(features[GRADIENT]).toBeCloseTo(7, 6)
    expect(features[NOISE]).toBe(0)
  })

  it('estimates noise as it was added, whatever the contrast', () => {
    const stream = randomStream(1, 'noise')
    const patch = Float32Array.from(
      slabs,
      (tissue, voxel) => 40 * tissue + (voxel % SIDE) + 3 * stream.normal(),
    )
    const noise = patchFeatures(patch, slabs, SIDE)[NOISE]!
    expect(Math.abs(noise - 3)).toBeLessThan(0.15)
  })

  it('says zero of a patch without brain, and where no voxel has neighbours', () => {
    const patch = new Float32Array(COUNT).fill(5)
    expect(patchFeatures(patch, new Uint8Array(COUNT), SIDE)).toEqual(new Array(17).fill(0))
    const lone = new Uint8Array(COUNT)
    lone[0] = 1
    expect(patchFeatures(patch, lone, SIDE).slice(GRADIENT)).toEqual([0, 0])
  })
})
