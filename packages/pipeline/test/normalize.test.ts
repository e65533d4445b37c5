import { makeVolume, randomStream, readVolume, writeNifti } from '@voxnorm/data'
import { writeModel } from '@voxnorm/models'
import { nap, openGpu } from '@voxnorm/node'
import { Runtime } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomModel } from '../../models/test/examples.ts'
import { ball } from '../../models/test/subjects.ts'
import { normalize } from '../src/normalize.ts'
import { StoppedError } from '../src/stop.ts'

const model = writeModel(randomModel(['generator', 'segmenter'], { patch: 8, voxelSize: 9 }))
/** A ball of three shells in voxels of 9 mm, stored with its x axis to the left, and a background that is no zero. */
const AFFINE = [-9, 0, 0, 72, 0, 9, 0, -72, 0, 0, 9, -72, 0, 0, 0, 1]
const { image } = ball('example', 'a', [0.2, 0.5, 0.9])
const scan = writeNifti(makeVolume([16, 16, 16], image, AFFINE))

let runtime: Runtime
let release: () => void
beforeAll(async () => {
  const opened = await openGpu({ device: 'software' })
  runtime = await Runtime.open(opened.gpu, { software: opened.software, pause: nap })
  release = () => opened.release()
})
afterAll(() => {
  runtime.dispose()
  release()
})

describe('normalize', () => {
  it('gives a scan back on its own grid, as arrays and as files that agree', async () => {
    const seen: [number, number][] = []
    const result = await normalize(model, scan, {
      runtime,
      onProgress: (done, total) => seen.push([done, total]),
    })
    expect(result.image.shape).toEqual([16, 16, 16])
    expect(result.image.affine).toEqual(AFFINE)
    expect(result.labels.affine).toEqual(AFFINE)
    const stored = readVolume(result.files.get('scan_dseg.nii.gz')!, { name: 'scan_dseg.nii.gz' })
    expect([...stored.data]).toEqual([...result.labels.data])
    expect(stored.affine).toEqual(AFFINE)
    const sums = result.labels.data.map((_, voxel) =>
      Math.round(result.probabilities.reduce((sum, { data }) => sum + data[voxel]!, 0)),
    )
    expect(new Set(sums)).toEqual(new Set([1]))
    for (const { index, n_voxels } of result.volumes) {
      expect(result.labels.data.filter((label) => label === index)).toHaveLength(n_voxels)
    }
    expect(seen.at(-1)![0]).toBe(seen.at(-1)![1])
    const sidecar = JSON.parse(new TextDecoder().decode(result.files.get('scan.json')))
    expect(sidecar).toMatchObject({ Sources: ['scan.nii'], SkullStripped: true })
  })

  it('is empty outside the mask that it is given, and uses the wanted label numbers', async () => {
    const half = makeVolume(
      [16, 16, 16],
      image.map((value, voxel) => (value > 0 && voxel % 16 < 8 ? 1 : 0)),
      AFFINE,
    )
    const mask = { name: 'mask.nii', bytes: writeNifti(half) }
    const { labels } = await normalize(model, scan, { runtime, mask, labels: 'paper' })
    expect(labels.data.every((label, voxel) => half.data[voxel]! > 0 || label === 0)).toBe(true)
    expect(labels.data.some((label) => label > 0)).toBe(true)
  })

  it('ends when the signal comes', async () => {
    const controller = new AbortController()
    const onProgress = () => controller.abort()
    const stopped = normalize(model, scan, { runtime, signal: controller.signal, onProgress })
    await expect(stopped).rejects.toThrow(StoppedError)
  })

  it('refuses what is no image, a scan too many, and a head that is not stripped', async () => {
    const text = new TextEncoder().encode('no image')
    await expect(normalize(model, text, { runtime })).rejects.toMatchObject({ kind: 'data' })
    const two = ['a.nii', 'b.nii'].map((name) => ({ name, bytes: scan }))
    await expect(normalize(model, two, { runtime })).rejects.toThrow(/takes 1 images .* but got 2/)
    const random = randomStream(3, 'skull')
    const head = image.map((value) => Math.max(value, 0.05 + 0.1 * random.uniform()))
    const whole = writeNifti(makeVolume([16, 16, 16], head, AFFINE))
    await expect(normalize(model, whole, { runtime })).rejects.toMatchObject({ remedy: 'brain-mask' })
  })
})
