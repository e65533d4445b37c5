import { DataError } from '../errors.ts'
import { CLASSES } from '../image/volume.ts'
import { isotonicRegression } from './isotonic.ts'

/** Bins of equal share of the brain: 512 follow any scanner's curve, and a bin still holds many voxels. */
const BINS = 512

/**
 * What `after` would be if only intensities had changed: m(before) inside the mask, 0 outside.
 *
 * m is the monotone map, rising or falling, that comes nearest to `after` in least squares (isotonic regression over
 * 512 bins, linear between their means). With `labels` (internal classes) it is an affine map for each class
 * instead where that leaves the smaller residual: a normaliser that turns infant contrast into adult contrast
 * reverses the order of grey and white matter, which no monotone map does.
 * Throws DataError when sizes differ or the mask is empty.
 */
export function alignIntensities(
  before: Float32Array,
  after: Float32Array,
  mask: Uint8Array,
  labels?: Uint8Array,
): Float32Array {
  const sizes = [after.length, mask.length, labels?.length ?? before.length]
  if (sizes.some((size) => size !== before.length)) {
    throw new DataError(
      `Alignment: images, mask and labels differ in size (${before.length}, ${sizes.join(', ')}).`,
    )
  }
  const monotone = monotoneMap(before, after, mask)
  if (labels === undefined) return monotone
  const byTissue = tissueMap(before, after, mask, labels)
  if (byTissue === undefined) return monotone
  return squaredResidual(byTissue, after, mask) < squaredResidual(monotone, after, mask) ? byTissue : monotone
}

function squaredResidual(aligned: Float32Array, after: Float32Array, mask: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < mask.length; i++) if (mask[i]) sum += (after[i]! - aligned[i]!) ** 2
  return sum
}

function monotoneMap(before: Float32Array, after: Float32Array, mask: Uint8Array): Float32Array {
  const edges = quantileEdges(before, mask)
  const weights = new Float64Array(edges.length)
  const positions = new Float64Array(edges.length)
  const heights = new Float64Array(edges.length)
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue
    const bin = intervalOf(edges, before[i]!)
    weights[bin]!++
    positions[bin]! += before[i]!
    heights[bin]! += after[i]!
    lowest = Math.min(lowest, after[i]!)
    highest = Math.max(highest, after[i]!)
  }
  for (let bin = 0; bin < edges.length; bin++) {
    positions[bin]! /= weights[bin]!
    heights[bin]! /= weights[bin]!
  }

  const rising = isotonicRegression(heights, weights)
  const falling = isotonicRegression(heights.map(negate), weights).map(negate)
  const misfit = (fitted: Float64Array) =>
    fitted.reduce((sum, value, bin) => sum + weights[bin]! * (value - heights[bin]!) ** 2, 0)
  const fitted = misfit(falling) < misfit(rising) ? falling : rising

  const aligned = new Float32Array(before.length)
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue
    // Beyond the means of the outer bins the map goes on straight, but never to values that `after` does not have.
    const value = interpolate(positions, fitted, before[i]!)
    aligned[i] = Math.min(highest, Math.max(lowest, value))
  }
  return aligned
}

function negate(value: number): number {
  return -value
}

/** Distinct lower edges of bins that hold about equal shares of the brain; equal values share a bin. */
function quantileEdges(image: Float32Array, mask: Uint8Array): Float64Array {
  const ascending = image.filter((_, i) => mask[i]! > 0).sort()
  if (ascending.length === 0) throw new DataError('Alignment: the brain mask is empty.')
  const edges: number[] = []
  for (let bin = 0; bin < BINS; bin++) {
    const edge = ascending[Math.floor((bin * ascending.length) / BINS)]!
    if (edges.length === 0 || edge > edges.at(-1)!) edges.push(edge)
  }
  return Float64Array.from(edges)
}

/** Largest index whose ascending edge is not above the value; 0 for values below all. */
function intervalOf(edges: Float64Array, value: number): number {
  let low = 0
  let high = edges.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (edges[middle]! <= value) low = middle
    else high = middle
  }
  return low
}

/** The line through the two knots around `x`, or through the two outermost ones beyond them. */
function interpolate(positions: Float64Array, heights: Float64Array, x: number): number {
  if (positions.length === 1) return heights[0]!
  const left = Math.min(intervalOf(positions, x), positions.length - 2)
  const slope = (heights[left + 1]! - heights[left]!) / (positions[left + 1]! - positions[left]!)
  return heights[left]! + slope * (x - positions[left]!)
}

/** Least share of the variance of `before` that labels must explain to be believed. */
const LEAST_EXPLAINED = 0.55
/** Log-likelihood ratio from which on the intensity of a voxel overrules its label: odds of 20 to 1. */
const OVERRULING = 3

/** The intensities of one class before, and its least-squares line of `after` over `before`. */
interface TissueLine {
  readonly count: number
  readonly mean: number
  readonly variance: number
  readonly offset: number
  readonly slope: number
}

/**
 * An affine map for each class, or nothing where the labels do not describe `before`.
 *
 * Labels mostly come from `after`, and would explain away what was invented there: an invented tissue has its own
 * label, and on average over the tissue the map is right. So they must explain more than half of the variance of
 * `before`, which labels of another anatomy do not, and a voxel whose intensity speaks strongly for another class gets
 * the map of that one.
 */
function tissueMap(
  before: Float32Array,
  after: Float32Array,
  mask: Uint8Array,
  labels: Uint8Array,
): Float32Array | undefined {
  const lines = CLASSES.map((_, label) => tissueLine(before, after, mask, labels, label))
  const voxels = lines.reduce((sum, line) => sum + line.count, 0)
  const centre = lines.reduce((sum, line) => sum + line.count * line.mean, 0) / voxels
  const within = lines.reduce((sum, line) => sum + line.count * line.variance, 0)
  const between = lines.reduce((sum, line) => sum + line.count * (line.mean - centre) ** 2, 0)
  if (!(between >= LEAST_EXPLAINED * (within + between))) return undefined

  // Noise-free images have no variance within a tissue; a part of the whole keeps likelihoods finite.
  const smallest = 1e-4 * ((within + between) / voxels)
  const aligned = new Float32Array(before.length)
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue
    let chosen = labels[i]!
    let best = Number.NEGATIVE_INFINITY
    for (let label = 0; label < lines.length; label++) {
      const { count, mean, variance } = lines[label]!
      if (count === 0) continue
      const spread = Math.max(variance, smallest)
      const likelihood = -0.5 * ((before[i]! - mean) ** 2 / spread + Math.log(spread))
      const score = likelihood + (label === labels[i] ? OVERRULING : 0)
      if (score <= best) continue
      best = score
      chosen = label
    }
    aligned[i] = lines[chosen]!.offset + lines[chosen]!.slope * before[i]!
  }
  return aligned
}

/** Moments of one class; the line is constant where `before` does not vary. */
function tissueLine(
  before: Float32Array,
  after: Float32Array,
  mask: Uint8Array,
  labels: Uint8Array,
  label: number,
): TissueLine {
  let count = 0
  let mean = 0
  let meanAfter = 0
  let squares = 0
  let products = 0
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i] || labels[i] !== label) continue
    count++
    const delta = before[i]! - mean
    mean += delta / count
    meanAfter += (after[i]! - meanAfter) / count
    squares += delta * (before[i]! - mean)
    products += delta * (after[i]! - meanAfter)
  }
  const slope = squares > 0 ? products / squares : 0
  return { count, mean, variance: count > 0 ? squares / count : 0, offset: meanAfter - slope * mean, slope }
}
