import { windowCorners } from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { axialSlab, makePreview } from '../../src/prediction/preview.ts'
import { ball } from './ball.ts'

describe('makePreview', () => {
  const preview = makePreview(ball('a', 'sub-1', 0.3))

  it('cuts three planes to the brain, up is up', () => {
    expect(preview.slices.map(({ plane, width, height, aspect }) => [plane, width, height, aspect])).toEqual([
      ['axial', 18, 18, 1],
      ['coronal', 18, 16, 2],
      ['sagittal', 18, 16, 2],
    ])
    const tilted = ball('a', 'sub-1', 0)
    tilted.prediction.fill(0)
    tilted.prediction[9 + 20 * 17 + 480 * 8] = 3
    const axial = makePreview(tilted).slices[0]!
    const pixels = Buffer.from(axial.prediction, 'base64')
    expect(pixels.filter((value) => value > 0)).toHaveLength(1)
    expect(Math.floor(pixels.indexOf(3) / axial.width)).toBe(20 - 17)
  })

  it('shows the planes that were predicted, and counts no voxel elsewhere', () => {
    const input = ball('a', 'sub-1', 0.3)
    const slab = axialSlab(input.mask, input.shape, 4)
    const slices = new Set<number>()
    slab.forEach((inside, voxel) => {
      expect(inside === 0 || input.mask[voxel] === 1).toBe(true)
      if (inside > 0) slices.add(Math.floor(voxel / 480))
    })
    expect([...slices]).toEqual([8, 9, 10, 11])
    const plane = slab.map((inside, voxel) => (Math.floor(voxel / 480) === 8 ? inside : 0))
    expect(windowCorners([16, 24, 20], 8, 4, slab)).toEqual(windowCorners([16, 24, 20], 8, 4, plane))
    const part = makePreview({ ...input, predicted: slab })
    expect(part.slices).toEqual(preview.slices.slice(0, 1))
    expect(part.voxelsFrom).toBe('slab')
    expect(preview.voxelsFrom).toBe('brain')
    const counted = part.histograms.flatMap(({ raw }) => raw).reduce((sum, count) => sum + count, 0)
    expect(counted).toBe(slab.reduce((sum, inside) => sum + inside, 0))
  })

  it('counts every voxel of a tissue once', () => {
    const input = ball('a', 'sub-1', 0.3)
    preview.histograms.forEach(({ tissue, raw, normalized }, index) => {
      const voxels = input.prediction.filter((label) => label === index + 1).length
      expect(tissue).toBe(['CSF', 'GM', 'WM'][index])
      expect(raw.reduce((sum, count) => sum + count, 0)).toBe(voxels)
      expect(normalized!.reduce((sum, count) => sum + count, 0)).toBe(voxels)
    })
    expect(preview.histograms[0]!.raw[32]).toBeGreaterThan(0)
  })
})
