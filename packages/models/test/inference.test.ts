import { createPredictor, predictPlanes, predictVolume } from '@voxnorm/models'
import type { Runtime } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestDevice } from './device.ts'
import { randomModel } from './examples.ts'
import { ball } from './subjects.ts'

let runtime: Runtime
let close: () => void
beforeAll(async () => {
  const device = await openTestDevice()
  runtime = device.runtime
  close = device.close
})
afterAll(() => close?.())

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
      const row = probabilities.subarray(4 * voxel, 4 * voxel + 4)
      const sum = row.reduce((total, value) => total + value, 0)
      expect(sum).toBeCloseTo(1, 5)
      if (inside > 0) return
      expect([normalized[voxel], labels[voxel], row[0]]).toEqual([0, 0, 1])
    })
    predictor.dispose()
  })

  it('normalizes nothing without a generator, and skips empty volumes', async () => {
    const predictor = await createPredictor(runtime, randomModel(['segmenter']))
    const { normalized } = await predictVolume(predictor, volume, { window: 8, stride: 8 })
    expect(worst(normalized, volume.image)).toBeLessThan(1e-6)
    const nothing = { ...volume, mask: new Uint8Array(volume.mask.length) }
    const { labels, probabilities } = await predictVolume(predictor, nothing, { window: 8, stride: 8 })
    expect(labels.every((label) => label === 0)).toBe(true)
    expect(probabilities.every((value, index) => value === (index % 4 === 0 ? 1 : 0))).toBe(true)
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
