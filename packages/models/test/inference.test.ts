import { readFileSync } from 'node:fs'
import { readSafetensors } from '@voxnorm/autograd'
import { type PreparedSubject, readVolume, windowStarts } from '@voxnorm/data'
import { createPredictor, predictPlanes, predictVolume, type StoredModel } from '@voxnorm/models'
import type { Runtime } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GoldenCase, goldenCases, goldenFolder, hasGolden } from '../../autograd/test/golden.ts'
import { openTestDevice } from './device.ts'
import { randomModel } from './examples.ts'
import { modelOf } from './golden-model.ts'
import { ball } from './subjects.ts'

let runtime: Runtime
let close: () => void
beforeAll(async () => {
  const device = await openTestDevice()
  runtime = device.runtime
  close = device.close
})
afterAll(() => close?.())

const golden = (name: string) => readFileSync(`${goldenFolder}/${name}`)

/** The stored grid as the network sees it, divided by the maximum; the mask is what is above zero. */
function storedGrid(item: GoldenCase): Pick<PreparedSubject, 'shape' | 'channels' | 'image' | 'mask'> {
  const { shape, data } = readVolume(golden(item.inputs[0]), { name: item.inputs[0] })
  const maximum = data.reduce((a, b) => Math.max(a, b))
  const mask = Uint8Array.from(data, (value) => (value > 0 ? 1 : 0))
  const image = Float32Array.from(data, (value) => value / maximum)
  return { shape: [shape[2], shape[1], shape[0]], channels: 1, image, mask }
}

describe.skipIf(!hasGolden)('inference against PyTorch (needs ../shared)', () => {
  it.each(goldenCases('inference').map((item) => [item.id, item] as const))('%s', async (_, item) => {
    const tensors = new Map(
      item.weights.files.flatMap((file: string) => [...readSafetensors(golden(file)).tensors]),
    ) as StoredModel['tensors']
    const model = { config: modelOf(item), names: ['generator', 'segmenter'] as const, tensors }
    const volume = storedGrid(item)
    const { window, stride } = item.attrs
    expect(windowStarts(volume.shape[1], window, stride)).toEqual(item.starts.y)
    expect(volume.mask.reduce((sum, value) => sum + value, 0)).toBe(item.brain_voxels)
    const predictor = await createPredictor(runtime, model)
    const { normalized, probabilities, labels } = await predictVolume(predictor, volume, { window, stride })

    const norm = readVolume(golden(item.expected.norm), { name: 'norm.nii.gz' }).data
    expect(worst(normalized[0]!, norm)).toBeLessThanOrEqual(item.tol_abs.norm)
    const [nx, ny] = [volume.shape[2], volume.shape[1]]
    for (const { xyz, prob, norm: value, label } of item.examples) {
      const voxel = xyz[0] + nx * (xyz[1] + ny * xyz[2])
      expect(Math.abs(normalized[0]![voxel]! - value[0])).toBeLessThanOrEqual(item.tol_abs.norm)
      const got = probabilities.map((image) => image[voxel]!)
      expect(worst(got, prob)).toBeLessThanOrEqual(item.tol_abs.prob)
      expect(labels[voxel]).toBe(label)
    }
    const dseg = readVolume(golden(item.expected.dseg), { name: 'dseg.nii.gz' }).data
    const flipped = labels.reduce((count, label, voxel) => count + (label === dseg[voxel] ? 0 : 1), 0)
    expect(flipped / item.brain_voxels).toBeLessThanOrEqual(item.tol_flip_rate)
    predictor.dispose()
  })
})

function worst(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(got.length).toBe(expected.length)
  let largest = 0
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs(got[i]! - expected[i]!)
    if (!(difference <= largest)) largest = difference
  }
  return largest
}

describe('predictVolume', () => {
  const volume = ball('x', 'a', [0.2, 0.5, 0.9])

  it('gives the same whatever the batch is, and planes in their order', async () => {
    const predictor = await createPredictor(runtime, randomModel())
    const options = { window: 8, stride: 4 }
    const one = await predictVolume(predictor, volume, { ...options, batch: 1 })
    const many = await predictVolume(predictor, volume, { ...options, batch: 5 })
    expect(one).toEqual(many)
    const planes: number[] = []
    let progress = [0, 0]
    const onProgress = (done: number, total: number) => {
      progress = [done, total]
    }
    for await (const { z } of predictPlanes(predictor, volume, { ...options, onProgress })) planes.push(z)
    expect(planes).toEqual(Array.from({ length: 16 }, (_, z) => z))
    expect(progress).toEqual([27, 27])
    predictor.dispose()
  })

  it('leaves what is outside the mask empty', async () => {
    const predictor = await createPredictor(runtime, randomModel())
    const { normalized, probabilities, labels } = await predictVolume(predictor, volume, {
      window: 16,
      stride: 8,
    })
    volume.mask.forEach((inside, voxel) => {
      const sum = probabilities.reduce((total, image) => total + image[voxel]!, 0)
      expect(sum).toBeCloseTo(1, 5)
      if (inside > 0) return
      expect([normalized[0]![voxel], labels[voxel], probabilities[0]![voxel]]).toEqual([0, 0, 1])
    })
    predictor.dispose()
  })

  it('normalizes nothing without a generator, and skips empty volumes', async () => {
    const predictor = await createPredictor(runtime, randomModel(['segmenter']))
    const { normalized } = await predictVolume(predictor, volume, { window: 8, stride: 8 })
    expect(worst(normalized[0]!, volume.image)).toBeLessThan(1e-6)
    const nothing = { ...volume, mask: new Uint8Array(volume.mask.length) }
    const { labels, probabilities } = await predictVolume(predictor, nothing, { window: 8, stride: 8 })
    expect(labels.every((label) => label === 0)).toBe(true)
    expect(probabilities[0]!.every((value) => value === 1)).toBe(true)
    predictor.dispose()
  })

  it('refuses windows, strides and volumes that do not fit', async () => {
    const predictor = await createPredictor(runtime, randomModel())
    const refused = (options: { window?: number; stride: number }, other = volume) =>
      expect(predictVolume(predictor, other, options)).rejects
    await refused({ window: 12, stride: 4 }).toThrow('multiple of 8')
    await refused({ window: 8, stride: 9 }).toThrow('from 1 to the window')
    await refused({ window: 4096, stride: 9 }).toThrow('use a smaller window')
    await refused({ stride: 8 }, { ...volume, channels: 2 }).toThrow('the model takes 1')
    predictor.dispose()
  })
})
