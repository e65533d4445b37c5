import { DataError } from './errors.ts'

/** `max` divides by the largest intensity; `zscore` subtracts the mean and divides by the standard deviation. */
export type Scaling = 'max' | 'zscore'

/**
 * Scales one modality of a volume by what its brain voxels hold; voxels outside the mask become 0.
 *
 * `max` gives the range that the generator's sigmoid can reach; `zscore` is the paper's standardization baseline,
 * per volume (method.md §4.6). Statistics are taken over the mask so that they do not depend on the padding.
 * Throws DataError, with `file`, when the brain is empty or has no contrast.
 */
export function scaleIntensities(
  image: Float32Array,
  mask: Uint8Array,
  scaling: Scaling,
  file?: string,
): Float32Array<ArrayBuffer> {
  const { count, maximum, mean, deviation } = brainStatistics(image, mask)
  const details = file === undefined ? {} : { file }
  if (count === 0) throw new DataError('The brain mask of the image is empty.', details)
  const offset = scaling === 'max' ? 0 : mean
  const scale = scaling === 'max' ? maximum : deviation
  if (!(scale > 0))
    throw new DataError('The image has no intensities to scale within the brain mask.', details)
  const scaled = new Float32Array(image.length)
  for (let voxel = 0; voxel < image.length; voxel++) {
    if (mask[voxel]! > 0) scaled[voxel] = (image[voxel]! - offset) / scale
  }
  return scaled
}

/** Voxel count, maximum, mean and population standard deviation where the mask is positive. */
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
  return { count, maximum, mean, deviation: Math.sqrt(squares / count) }
}
