import { sortedQuantile } from '../metrics/quantile.ts'

const TISSUES = [1, 2, 3]

/** Mean and deviation of fewer voxels than this would say more of chance than of the scanner. */
const FEWEST_VOXELS = 8

/** Median of |x| over the standard deviation, for a normal x. */
const NORMAL_MEDIAN = 0.674_489_75

/**
 * What a patch shows of the scanner that made it, in 17 numbers in the unit of its intensities: the nine deciles of the
 * brain, mean and standard deviation of CSF, GM and WM, the mean magnitude of the gradient, and the noise.
 *
 * `patch` and `labels` are [side, side, side]; the brain is where the class is not background. A tissue of fewer than 8
 * voxels has the numbers of the brain. A patch without brain gives zeros.
 */
export function patchFeatures(patch: Float32Array, labels: Uint8Array, side: number): number[] {
  const brain = patch.filter((_, voxel) => labels[voxel]! > 0).sort()
  if (brain.length === 0) return new Array<number>(17).fill(0)
  const deciles = Array.from({ length: 9 }, (_, index) => sortedQuantile(brain, (index + 1) / 10))
  const tissues = TISSUES.flatMap((tissue) => {
    const values = patch.filter((_, voxel) => labels[voxel] === tissue)
    return moments(values.length < FEWEST_VOXELS ? brain : values)
  })
  return [...deciles, ...tissues, meanGradient(patch, labels, side), noiseOf(patch, labels, side)]
}

function moments(values: Float32Array): [mean: number, deviation: number] {
  let sum = 0
  for (const value of values) sum += value
  const mean = sum / values.length
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  return [mean, Math.sqrt(squares / values.length)]
}

/** Mean length of the forward difference, over voxels whose three next neighbours lie in the brain, too. */
function meanGradient(patch: Float32Array, labels: Uint8Array, side: number): number {
  let sum = 0
  let count = 0
  for (let z = 0; z < side - 1; z++) {
    for (let y = 0; y < side - 1; y++) {
      for (let x = 0; x < side - 1; x++) {
        const here = x + side * (y + side * z)
        const next = [here + 1, here + side, here + side * side] as const
        if (labels[here] === 0 || next.some((voxel) => labels[voxel] === 0)) continue
        const value = patch[here]!
        sum += Math.hypot(patch[next[0]]! - value, patch[next[1]]! - value, patch[next[2]]! - value)
        count++
      }
    }
  }
  return count === 0 ? 0 : sum / count
}

/**
 * Standard deviation of the noise, from second differences along the three axes within one tissue.
 *
 * A second difference is blind to what grows evenly, as a bias field does; of white noise its variance is six times that
 * of a voxel. The median does not see the few places where anatomy bends.
 */
function noiseOf(patch: Float32Array, labels: Uint8Array, side: number): number {
  const found = new Float32Array(3 * patch.length)
  let count = 0
  for (const step of [1, side, side * side]) {
    for (let voxel = 0; voxel < patch.length; voxel++) {
      const position = Math.floor(voxel / step) % side
      const tissue = labels[voxel]!
      if (position === 0 || position === side - 1 || tissue === 0) continue
      if (labels[voxel - step] !== tissue || labels[voxel + step] !== tissue) continue
      found[count++] = Math.abs(patch[voxel - step]! - 2 * patch[voxel]! + patch[voxel + step]!)
    }
  }
  if (count === 0) return 0
  const median = sortedQuantile(found.subarray(0, count).sort(), 0.5)
  return median / (NORMAL_MEDIAN * Math.sqrt(6))
}
