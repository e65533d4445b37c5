import {
  type Affine,
  type makeVolume,
  type NamedVolume,
  type PreparedSubject,
  randomStream,
  type Shape3,
} from '@voxnorm/data'
import type { PredictedVolume } from '@voxnorm/models'
import type { PredictionOptions } from '../../src/prediction/predict-subject.ts'
import { StoppedError, type StopRequest } from '../../src/stop.ts'

/** The class of the largest probability of every voxel. */
const likeliest = (probabilities: Float32Array): Uint8Array =>
  Uint8Array.from({ length: probabilities.length / 4 }, (_, voxel) => {
    const row = probabilities.subarray(4 * voxel, 4 * voxel + 4)
    return row.indexOf(Math.max(...row))
  })

/** Halves intensities, and takes the quarter of the intensity range for the class. */
export async function fakeNetwork(prepared: PreparedSubject): Promise<PredictedVolume> {
  const { image, mask, channels } = prepared
  const probabilities = new Float32Array(mask.length * 4)
  mask.forEach((inside, voxel) => {
    const label = inside ? Math.min(3, Math.floor(4 * image[voxel * channels]!)) : 0
    probabilities[voxel * 4 + label] = 1
  })
  return { normalized: image.map((value) => value / 2), probabilities, labels: likeliest(probabilities) }
}

/** A stop request that comes when `stopped` says so. */
export const stopWhen = (stopped: () => boolean): StopRequest => ({
  signal: new AbortController().signal,
  throwIfStopped(done) {
    if (stopped()) throw new StoppedError('SIGTERM', 'stopped', done)
  },
})

/** Voxels that count from 0. */
export const ramp = (shape: Shape3) =>
  Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, index) => index)
/** A volume with a file name. */
export const named = (volume: ReturnType<typeof makeVolume>, file = 'x.nii'): NamedVolume => ({
  file,
  volume,
})
/** How subjects are prepared in these tests. */
export const options = (grid: PredictionOptions['grid']): PredictionOptions => ({
  grid,
  scaling: 'max',
  // Volumes of a few voxels have no background.
  maskFrom: 'positive',
  voxelSize: 1,
})
/** Different along every axis. */
export const SHAPE: Shape3 = [6, 5, 4]
/** Stored as (z down, x left, y front), voxels of 2, 1 and 1 mm. */
export const ODD: Affine = [0, -1, 0, 40, 0, 0, 1, -3, -2, 0, 0, 9, 0, 0, 0, 1]

/** What sidecars say in these tests. */
export const provenance = {
  version: '0.1.0',
  modelFile: '/somewhere/model.safetensors',
  modelSha256: 'a'.repeat(64),
  trainingSites: ['a', 'b'],
  normalized: true,
  seed: 42,
  adapter: 'none',
  grid: 'native',
  maskFrom: 'positive' as const,
  window: 16,
  stride: 8,
}

/** A grid on which a head has room for structures of many voxels. */
export const HEAD: Shape3 = [26, 28, 24]

/**
 * A ball in which the tissues are folded into each other, with some noise; 0 around it. Shells around shells would not do:
 * the classical segmenter takes what changes slowly from the middle to the rim for the receiver's sensitivity.
 */
export function head(): Float32Array<ArrayBuffer> {
  const random = randomStream(5, 'head')
  return Float32Array.from({ length: 26 * 28 * 24 }, (_, voxel) => {
    const [x, y, z] = [voxel % 26, Math.floor(voxel / 26) % 28, Math.floor(voxel / 728)]
    if (Math.hypot(x - 12.5, y - 13.5, z - 11.5) > 11) return 0
    const fold = Math.sin(0.6 * x) + Math.sin(0.55 * y + 1) + Math.sin(0.65 * z)
    return (fold > 0.6 ? 90 : fold > -0.6 ? 60 : 25) + 4 * random.normal()
  })
}

/** Keeps the image, and takes the classes of the head by its intensities. */
export async function faithfulNetwork(prepared: PreparedSubject): Promise<PredictedVolume> {
  const { image, mask } = prepared
  const probabilities = new Float32Array(mask.length * 4)
  mask.forEach((inside, voxel) => {
    const value = image[voxel]!
    probabilities[voxel * 4 + (inside ? (value > 0.7 ? 3 : value > 0.4 ? 2 : 1) : 0)] = 1
  })
  return { normalized: image, probabilities, labels: likeliest(probabilities) }
}

/** As {@link faithfulNetwork}, but its image has a dark block in the brain that the input does not have. */
export async function inventingNetwork(prepared: PreparedSubject): Promise<PredictedVolume> {
  const { probabilities, labels } = await faithfulNetwork(prepared)
  const [depth, height, width] = prepared.shape
  const inBlock = (index: number, size: number) => index > size / 2 - 6 && index < size / 2 + 3
  const normalized = prepared.image.map((value, voxel) => {
    const [x, y, z] = [
      voxel % width,
      Math.floor(voxel / width) % height,
      Math.floor(voxel / (width * height)),
    ]
    return inBlock(x, width) && inBlock(y, height) && inBlock(z, depth) ? 0.1 : value
  })
  return { normalized, probabilities, labels }
}
