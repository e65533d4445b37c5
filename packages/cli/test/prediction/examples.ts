import type { Affine, makeVolume, NamedVolume, PreparedSubject, Shape3 } from '@voxnorm/data'
import type { NetworkOutput, PredictionOptions } from '../../src/prediction/predict-subject.ts'
import { StoppedError, type StopRequest } from '../../src/stop-request.ts'

/** Halves intensities, and takes the quarter of the intensity range for the class. */
export async function fakeNetwork(prepared: PreparedSubject): Promise<NetworkOutput> {
  const { image, mask, channels } = prepared
  const probabilities = new Float32Array(mask.length * 4)
  mask.forEach((inside, voxel) => {
    const label = inside ? Math.min(3, Math.floor(4 * image[voxel * channels]!)) : 0
    probabilities[voxel * 4 + label] = 1
  })
  return { normalized: image.map((value) => value / 2), probabilities }
}

/** A stop request that comes when `stopped` says so. */
export const stopWhen = (stopped: () => boolean): StopRequest => ({
  signal: new AbortController().signal,
  received: () => (stopped() ? 'SIGTERM' : undefined),
  throwIfStopped(done) {
    if (stopped()) throw new StoppedError('SIGTERM', done)
  },
  release() {},
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
  window: 16,
  stride: 8,
}
