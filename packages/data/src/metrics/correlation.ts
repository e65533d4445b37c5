import type { Shape3 } from '../image/volume.ts'

/** Axis of a volume: 0 = x, 1 = y, 2 = z. */
export type Axis = 0 | 1 | 2

/** One slice of a volume: the voxels whose index along `axis` is `index`. */
export interface SliceSelection {
  readonly axis: Axis
  readonly index: number
}

/**
 * Pearson correlation between the intensity of voxels and their index along an axis.
 *
 * Only voxels with a non-zero mask entry count, and with `slice` only those of that slice. An image without
 * bias field is near 0, a ramp along the axis near 1. NaN when fewer than two voxels count or nothing varies.
 */
export function correlationAlongAxis(
  values: ArrayLike<number>,
  shape: Shape3,
  axis: Axis,
  mask: ArrayLike<number>,
  slice?: SliceSelection,
): number {
  const [nx, ny] = shape
  let count = 0
  let meanPosition = 0
  let meanValue = 0
  let squaresPosition = 0
  let squaresValue = 0
  let products = 0
  for (let i = 0; i < values.length; i++) {
    if (!mask[i]) continue
    const voxel = [i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny))] as const
    if (slice && voxel[slice.axis] !== slice.index) continue
    // Running means (Welford) stay exact for large intensities where sums of squares would cancel.
    count++
    const position = voxel[axis]
    const value = values[i]!
    const deltaPosition = position - meanPosition
    const deltaValue = value - meanValue
    meanPosition += deltaPosition / count
    meanValue += deltaValue / count
    squaresPosition += deltaPosition * (position - meanPosition)
    squaresValue += deltaValue * (value - meanValue)
    products += deltaPosition * (value - meanValue)
  }
  return products / Math.sqrt(squaresPosition * squaresValue)
}

/** Bias-field correlation of one image: in a chosen slice and over the whole volume. */
export interface BiasCorrelation {
  readonly slice: number
  readonly volume: number
}

/**
 * How much an image still follows a ramp along `axis` (the paper's Table 6): Pearson r of intensity against
 * the index along the axis, over voxels where the *original* image is positive.
 *
 * `image` is the degraded or the normalised version of `original` on the same grid. The paper used one slice
 * along the last axis; the value over the whole volume stands beside it.
 */
export function biasFieldCorrelation(
  image: ArrayLike<number>,
  original: ArrayLike<number>,
  shape: Shape3,
  axis: Axis,
  slice: SliceSelection,
): BiasCorrelation {
  const mask = new Uint8Array(original.length)
  for (let i = 0; i < mask.length; i++) mask[i] = original[i]! > 0 ? 1 : 0
  return {
    slice: correlationAlongAxis(image, shape, axis, mask, slice),
    volume: correlationAlongAxis(image, shape, axis, mask),
  }
}
