import { DataError } from '../errors.ts'
import { type Shape3, voxelCount } from '../image/volume.ts'
import { windowStarts } from '../windows.ts'

/** For each axis the indices b where a window begins or ends: the border lies between b - 1 and b. */
export type WindowBorders = readonly [number[], number[], number[]]

/**
 * Where the windows of {@link windowStarts} begin or end inside a volume, ascending for each axis of `shape`.
 *
 * The ends of the volume are no borders, because there is nothing beyond them to differ from.
 */
export function windowBorders(shape: Shape3, window: number, stride: number): WindowBorders {
  const along = (length: number) => {
    const starts = windowStarts(length, window, stride)
    const borders = new Set(starts.flatMap((start) => [start, start + window]))
    return [...borders].filter((border) => border > 0 && border < length).sort((a, b) => a - b)
  }
  return [along(shape[0]), along(shape[1]), along(shape[2])]
}

/**
 * How visible the borders of windows are in an image: the mean absolute difference of face neighbours across them
 * divided by that of all others, 1 when it is seamless.
 *
 * Only pairs with both voxels in the mask count. An axis weighs as much among the others as it does across borders,
 * so that thick slices, which differ more from each other, do not look like seams. NaN when a side has no pairs or
 * no differences.
 * Throws DataError when sizes do not fit.
 */
export function seamIndex(
  image: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
  borders: WindowBorders,
): number {
  if (image.length !== voxelCount(shape) || mask.length !== image.length) {
    throw new DataError(`Seams: image or mask does not fit the grid ${shape.join(' x ')}.`)
  }
  const strides = [1, shape[0], shape[0] * shape[1]]
  let across = 0
  let expected = 0
  borders.forEach((indices, axis) => {
    const sums = stepsAlong(image, mask, shape[axis]!, strides[axis]!, indices)
    if (sums.borderPairs === 0 || sums.otherPairs === 0) return
    across += sums.border
    expected += (sums.other / sums.otherPairs) * sums.borderPairs
  })
  return expected > 0 ? across / expected : Number.NaN
}

/** Sums and numbers of absolute differences along one axis, at the borders and elsewhere. */
function stepsAlong(
  image: Float32Array,
  mask: Uint8Array,
  length: number,
  stride: number,
  indices: readonly number[],
) {
  const isBorder = new Uint8Array(length)
  for (const index of indices) isBorder[index] = 1
  let border = 0
  let other = 0
  let borderPairs = 0
  let otherPairs = 0
  for (let i = stride; i < image.length; i++) {
    const index = Math.floor(i / stride) % length
    if (index === 0 || !mask[i] || !mask[i - stride]) continue
    const difference = Math.abs(image[i]! - image[i - stride]!)
    if (isBorder[index]) {
      border += difference
      borderPairs++
    } else {
      other += difference
      otherPairs++
    }
  }
  return { border, other, borderPairs, otherPairs }
}
