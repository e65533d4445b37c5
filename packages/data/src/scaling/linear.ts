import type { ScalingMethod } from './method.ts'

/** Divides by the largest value. */
export const max: ScalingMethod<number> = {
  unitRange: true,
  greys: [0, 1],
  fromZero: true,
  fit(image, mask) {
    const { maximum } = brainStatistics(image, mask)
    return maximum > 0 ? maximum : undefined
  },
  apply: (maximum) => (value) => value / maximum,
}

/** Subtracts the mean and divides by the standard deviation: the paper's standardization baseline, per volume. */
export const zscore: ScalingMethod<{ readonly mean: number; readonly deviation: number }> = {
  unitRange: false,
  // Brains lie almost entirely within four deviations.
  greys: [-4, 4],
  fit(image, mask) {
    const statistics = brainStatistics(image, mask)
    return statistics.deviation > 0 ? statistics : undefined
  },
  apply:
    ({ mean, deviation }) =>
    (value) =>
      (value - mean) / deviation,
}

/** Z-scores over six: the mean becomes 0.5, three standard deviations below it 0 like the background, and above it 1. */
export const unitZscore: ScalingMethod<{ readonly mean: number; readonly deviation: number }> = {
  ...zscore,
  unitRange: true,
  greys: [0, 1],
  apply: (fitted) => {
    const scale = zscore.apply(fitted)
    return (value) => (scale(value) + 3) / 6
  },
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
