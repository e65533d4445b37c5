import { sortedQuantile } from '../metrics/quantile.ts'
import { sortedBrainValues } from './brain-values.ts'
import type { ScalingMethod } from './method.ts'

/** Where normal-appearing white matter lies, in the unit of the values. */
export interface WhiteStripe {
  /** The mode of white matter. */
  readonly centre: number
  /** Standard deviation of the values in the stripe. */
  readonly deviation: number
}

/** Half the width of the stripe, as a share of the brain. */
const HALF_WIDTH = 0.05

/** Modes lower than this share of the highest are tails: vessels, fat, what a skull strip left. */
const RARE = 0.2

/** How far the density must fall behind a mode, as a share of the highest: less is a ripple of the grey levels. */
const RIPPLE = 0.02

/** And in standard errors of counting: less is chance. */
const STANDARD_ERRORS = 2

/** Bins between the ends of the histogram; far more than a mode is wide. */
const BINS = 1024

/**
 * The white stripe of the `ascending` values of a brain (Shinohara et al. 2014): the brightest large mode of the smoothed
 * histogram, and the deviation of the values within 5 % of the brain on either side of it.
 *
 * In T1-weighted images of adults the brightest large mode is white matter. Where white matter is not the brightest, as
 * in infants or with T2, it is the mode of what is: images of such a group still get a common scale, but not the one
 * that the name says.
 */
export function whiteStripe(ascending: Float32Array): WhiteStripe {
  const centre = brightestMode(ascending)
  const place = countBelow(ascending, centre) / ascending.length
  const from = Math.floor(Math.max(0, place - HALF_WIDTH) * ascending.length)
  const to = Math.ceil(Math.min(1, place + HALF_WIDTH) * ascending.length)
  const stripe = ascending.subarray(from, to)
  const mean = stripe.reduce((sum, value) => sum + value, 0) / stripe.length
  const squares = stripe.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { centre, deviation: Math.sqrt(squares / stripe.length) }
}

/**
 * The last mode of the density that is no tail and no ripple, coming from the bright side.
 *
 * The density is the histogram smoothed by a Gaussian of Silverman's (1986, eq. 3.31) width. A few voxels far out say
 * nothing about it and would make the bins wide, so that the histogram ends where all but a thousandth lies.
 */
function brightestMode(ascending: Float32Array): number {
  const [low, high] = [sortedQuantile(ascending, 0.001), sortedQuantile(ascending, 0.999)]
  if (!(high > low)) return low
  const width = (high - low) / BINS
  const counts = new Float64Array(BINS)
  for (let index = countBelow(ascending, low); index < ascending.length; index++) {
    if (ascending[index]! > high) break
    const bin = Math.min(BINS - 1, Math.floor((ascending[index]! - low) / width))
    counts[bin] = counts[bin]! + 1
  }
  const density = smooth(counts, silvermanWidth(ascending) / width)
  const highest = density.reduce((top, value) => Math.max(top, value), 0)
  let best = BINS - 1
  for (let bin = BINS - 1; bin >= 0; bin--) {
    // With weights that are 1 at the centre the variance of a smoothed count is the count over √2.
    const error = Math.sqrt((density[best]! + density[bin]!) / Math.SQRT2)
    const fallen = density[best]! - density[bin]! > Math.max(RIPPLE * highest, STANDARD_ERRORS * error)
    if (fallen && density[best]! >= RARE * highest) break
    // Behind a mode that is too low the search begins anew.
    if (fallen || density[bin]! > density[best]!) best = bin
  }
  return low + (best + 0.5) * width
}

function silvermanWidth(ascending: Float32Array): number {
  const count = ascending.length
  const mean = ascending.reduce((sum, value) => sum + value, 0) / count
  const deviation = Math.sqrt(ascending.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count)
  const quartiles = sortedQuantile(ascending, 0.75) - sortedQuantile(ascending, 0.25)
  const spread = quartiles > 0 ? Math.min(deviation, quartiles / 1.34) : deviation
  return 0.9 * spread * count ** -0.2
}

/** Convolution with a Gaussian of `sigma` bins; beyond the ends there is nothing. */
function smooth(counts: Float64Array, sigma: number): Float64Array {
  const reach = Math.ceil(4 * sigma)
  const weights = Array.from({ length: reach + 1 }, (_, offset) => Math.exp(-((offset / sigma) ** 2) / 2))
  const result = new Float64Array(counts.length)
  for (let bin = 0; bin < counts.length; bin++) {
    for (let offset = -reach; offset <= reach; offset++) {
      result[bin] = result[bin]! + weights[Math.abs(offset)]! * (counts[bin + offset] ?? 0)
    }
  }
  return result
}

/** Number of values below `bound`, by bisection. */
function countBelow(ascending: Float32Array, bound: number): number {
  let from = 0
  let to = ascending.length
  while (from < to) {
    const middle = Math.floor((from + to) / 2)
    if (ascending[middle]! < bound) from = middle + 1
    else to = middle
  }
  return from
}

/** Subtracts the mode of white matter and divides by the deviation around it. */
export const whiteStripeScaling: ScalingMethod<WhiteStripe> = {
  unitRange: false,
  // The stripe is so narrow that of its deviations some 50 fit between CSF and white matter.
  greys: [-60, 20],
  fit(image, mask) {
    const stripe = whiteStripe(sortedBrainValues(image, mask))
    return stripe.deviation > 0 ? stripe : undefined
  },
  apply:
    ({ centre, deviation }) =>
    (value) =>
      (value - centre) / deviation,
}
