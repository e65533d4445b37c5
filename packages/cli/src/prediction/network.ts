import type { PreparedSubject } from '@voxnorm/data'
import { type Predictor as NetworkPredictor, predictPlanes } from '@voxnorm/models'
import type { NetworkOutput } from './predict-subject.ts'

/** How volumes are cut into windows, in voxels. */
export interface Windows {
  readonly window: number
  readonly stride: number
}

/** Runs the networks over a prepared subject; `onProgress` hears of the windows done so far. */
export type Predictor = (
  prepared: PreparedSubject,
  onProgress: (done: number, total: number) => void,
) => Promise<NetworkOutput>

/** A model on a device as {@link Predictor}: the slices that it finishes are put together to whole volumes. */
export function predictorOf(network: NetworkPredictor, windows: Windows): Predictor {
  const classes = network.config.classes.length
  return async (prepared, onProgress) => {
    const [depth, height, width] = prepared.shape
    const plane = height * width
    const normalized = new Float32Array(depth * plane * prepared.channels)
    const probabilities = new Float32Array(depth * plane * classes)
    for await (const done of predictPlanes(network, prepared, { ...windows, onProgress })) {
      normalized.set(done.normalized, done.z * plane * prepared.channels)
      probabilities.set(done.probabilities, done.z * plane * classes)
    }
    return { normalized, probabilities }
  }
}
