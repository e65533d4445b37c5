import { DataError } from './errors.ts'
import { sortedBrainValues } from './scaling/brain-values.ts'
import { landmarksOf, lineBetweenEnds, standardiser } from './scaling/standard-scale.ts'
import { whiteStripe } from './scaling/white-stripe.ts'

/**
 * How intensities are brought to a common range: `max` divides by the largest; `zscore` subtracts the mean and divides by
 * the standard deviation; `nyul` brings percentiles to a scale that was learnt; `white-stripe` subtracts the mode of white
 * matter and divides by the deviation around it.
 */
export type Scaling = (typeof SCALINGS)[number]

/** All names of {@link Scaling}. */
export const SCALINGS = ['max', 'zscore', 'nyul', 'white-stripe'] as const

/**
 * Scales one modality of a volume by what its brain voxels hold; voxels outside the mask become 0.
 *
 * `max` and `nyul` give the range that the generator's sigmoid can reach; `zscore` is the paper's standardization
 * baseline, per volume. `standardScale` is for `nyul`: the learnt landmarks of this modality; without it `nyul` is a
 * straight line that brings the percentiles 1 and 99 to 0.1 and 0.9, which is what a scale is learnt from. Statistics are
 * taken over the mask so that they do not depend on the padding. Throws DataError, with `file`, when the brain is empty or has no contrast.
 */
export function scaleIntensities(
  image: Float32Array,
  mask: Uint8Array,
  scaling: Scaling,
  file?: string,
  standardScale?: readonly number[],
): Float32Array<ArrayBuffer> {
  const details = file === undefined ? {} : { file }
  if (!mask.some((inside) => inside > 0))
    throw new DataError('The brain mask of the image is empty.', details)
  const scale = scalerOf(image, mask, scaling, standardScale)
  if (scale === undefined)
    throw new DataError('The image has no intensities to scale within the brain mask.', details)
  const scaled = new Float32Array(image.length)
  for (let voxel = 0; voxel < image.length; voxel++) {
    if (mask[voxel]! > 0) scaled[voxel] = scale(image[voxel]!)
  }
  return scaled
}

/** What the scaling does to a value; undefined where the brain has no contrast. */
function scalerOf(
  image: Float32Array,
  mask: Uint8Array,
  scaling: Scaling,
  standardScale: readonly number[] | undefined,
): ((value: number) => number) | undefined {
  if (scaling === 'max' || scaling === 'zscore') {
    const { maximum, mean, deviation } = brainStatistics(image, mask)
    const [offset, divisor] = scaling === 'max' ? [0, maximum] : [mean, deviation]
    return divisor > 0 ? (value) => (value - offset) / divisor : undefined
  }
  const values = sortedBrainValues(image, mask)
  if (scaling === 'white-stripe') {
    const { centre, deviation } = whiteStripe(values)
    return deviation > 0 ? (value) => (value - centre) / deviation : undefined
  }
  const landmarks = landmarksOf(values)
  if (!(landmarks.at(-1)! > landmarks[0]!)) return undefined
  return standardScale === undefined ? lineBetweenEnds(landmarks) : standardiser(landmarks, standardScale)
}

/** Maximum, mean and population standard deviation where the mask is positive. */
function brainStatistics(image: Float32Array, mask: Uint8Array) {
  let count = 0
  let sum = 0
  let maximum = Number.NEGATIVE_INFINITY
  for (let voxel = 0; voxel < image.length; voxel++) {
    if (mask[voxel] === 0) continue
    count++
    sum += image[voxel]!
    maximum = Math.max(maximum, image[voxel]!)
  }
  const mean = sum / count
  let squares = 0
  for (let voxel = 0; voxel < image.length; voxel++) {
    if (mask[voxel]! > 0) squares += (image[voxel]! - mean) ** 2
  }
  return { maximum, mean, deviation: Math.sqrt(squares / count) }
}
