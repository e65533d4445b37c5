import type { Shape3 } from '../image/volume.ts'
import { boxSum } from './local-mean.ts'

/** Half the width of the window of 7³ voxels. */
const RADIUS = 3

/**
 * Mean structural similarity of two images inside a mask (Wang et al. 2004, constants 0.01 and 0.03), 1 for equal
 * ones.
 *
 * Local means, variances and the covariance are taken over the voxels of the mask in a box of 7³ voxels around each
 * voxel of the mask. The range of values is that of both images in the mask; both are shifted by its lower end, so
 * the result does not change with a common offset or scale. 1 when neither image varies and both are equal, NaN
 * without a mask.
 */
export function structuralSimilarity(
  a: Float32Array,
  b: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
): number {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue
    low = Math.min(low, a[i]!, b[i]!)
    high = Math.max(high, a[i]!, b[i]!)
  }
  const range = high > low ? high - low : 1
  const scaledA = a.map((value) => (value - low) / range)
  const scaledB = b.map((value) => (value - low) / range)

  const windowSums = (value: (i: number) => number) => {
    const sums = new Float32Array(mask.length)
    for (let i = 0; i < sums.length; i++) if (mask[i]) sums[i] = value(i)
    boxSum(sums, shape, [RADIUS, RADIUS, RADIUS])
    return sums
  }
  const count = windowSums(() => 1)
  const sumA = windowSums((i) => scaledA[i]!)
  const sumB = windowSums((i) => scaledB[i]!)
  const squaresA = windowSums((i) => scaledA[i]! ** 2)
  const squaresB = windowSums((i) => scaledB[i]! ** 2)
  const products = windowSums((i) => scaledA[i]! * scaledB[i]!)

  let total = 0
  let voxels = 0
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue
    const n = count[i]!
    const meanA = sumA[i]! / n
    const meanB = sumB[i]! / n
    const varianceA = squaresA[i]! / n - meanA ** 2
    const varianceB = squaresB[i]! / n - meanB ** 2
    const covariance = products[i]! / n - meanA * meanB
    const luminance = (2 * meanA * meanB + 0.01 ** 2) / (meanA ** 2 + meanB ** 2 + 0.01 ** 2)
    const structure = (2 * covariance + 0.03 ** 2) / (varianceA + varianceB + 0.03 ** 2)
    total += luminance * structure
    voxels++
  }
  return total / voxels
}
