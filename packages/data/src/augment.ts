import type { Triple } from './axes.ts'
import type { RandomStream } from './random.ts'

/** Configuration of the bias-field augmentation: how often, and the range of the slope. */
export interface BiasFieldOptions {
  readonly probability: number
  readonly alpha: readonly [number, number]
}

/**
 * Draws the slope of a bias field, or undefined for a patch that stays clean (paper section 3.5).
 *
 * Both draws are always made, so that the slope of a patch does not depend on the probability.
 */
export function drawBiasField(stream: RandomStream, options: BiasFieldOptions): number | undefined {
  const chosen = stream.uniform() < options.probability
  const [lowest, highest] = options.alpha
  const alpha = lowest + (highest - lowest) * stream.uniform()
  return chosen ? alpha : undefined
}

/**
 * The factor of every image row along y, Eq. (7) of the paper: a ramp from 1 - alpha at the first row to
 * 1 + alpha at the last, so that its mean is 1. `height` is the number of rows of the whole image.
 */
export function biasFieldRamp(height: number, alpha: number): Float32Array<ArrayBuffer> {
  const ramp = new Float32Array(height)
  // With a single row both ends meet in the middle.
  for (let y = 0; y < height; y++) ramp[y] = 1 + alpha * (height === 1 ? 0 : (2 * y) / (height - 1) - 1)
  return ramp
}

/** Where a patch lies: its size [D, H, W], its channels and the row of the image at which it starts. */
export interface PatchPlace {
  readonly size: Triple
  readonly channels: number
  /** Number of rows of the image that the patch was cut from. */
  readonly imageHeight: number
  /** Row (y) of the image at which the patch starts. */
  readonly firstRow: number
}

/**
 * Multiplies a patch [D, H, W, C] by the window of the ramp that belongs to its place in the image.
 *
 * Rows beyond the image are padding and stay as they are.
 */
export function applyBiasField(
  patch: Float32Array,
  place: PatchPlace,
  alpha: number,
): Float32Array<ArrayBuffer> {
  const [, height, width] = place.size
  const ramp = biasFieldRamp(place.imageHeight, alpha)
  const rowLength = width * place.channels
  const changed = new Float32Array(patch)
  for (let start = 0, row = 0; start < changed.length; start += rowLength, row++) {
    const factor = ramp[place.firstRow + (row % height)] ?? 1
    for (let index = start; index < start + rowLength; index++) changed[index]! *= factor
  }
  return changed
}
