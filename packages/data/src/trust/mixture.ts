import { DataError } from '../errors.ts'
import { intensityHistogram } from '../metrics/histogram.ts'
import { sortedQuantile } from '../metrics/quantile.ts'

/** A mixture of three Gaussians of one width, ascending by mean. */
export interface Mixture {
  readonly weights: readonly number[]
  readonly means: readonly number[]
  readonly deviation: number
}

const BINS = 512
const ITERATIONS = 200

/** Shares of the brain where the first guesses of the three means lie: tissues differ in volume and contrast. */
const STARTS = [
  [1 / 6, 1 / 2, 5 / 6],
  [0.05, 0.45, 0.8],
  [0.1, 0.35, 0.85],
  [0.03, 0.2, 0.6],
] as const

/**
 * Fits three Gaussians with a common width to intensities by expectation maximisation, over a histogram of 512 bins
 * between the 0.1st and the 99.9th percentile, so the cost does not grow with the volume.
 *
 * The common width is what keeps the components apart: with widths of their own, one of them grows broad, takes the
 * mixed voxels of all borders, and swallows the little fluid that there is. The fit starts from several places and
 * the highest likelihood wins, because one start can end in a poor local maximum. Throws DataError for an empty
 * list.
 */
export function fitMixture(values: Float32Array): Mixture {
  if (values.length === 0) throw new DataError('Mixture: there are no intensities to fit.')
  const ascending = Float32Array.from(values).sort()
  const low = sortedQuantile(ascending, 0.001)
  const high = Math.max(sortedQuantile(ascending, 0.999), low + Math.max(1e-6, Math.abs(low) * 1e-6))
  const counts = intensityHistogram(ascending, { bins: BINS, range: [low, high] })
  const total = counts.reduce((sum, count) => sum + count, 0)
  const shares = counts.map((count) => count / total)
  const width = (high - low) / BINS
  const centres = Float64Array.from(shares, (_, bin) => low + (bin + 0.5) * width)
  const fits = STARTS.map((quantiles) => {
    const means = quantiles.map((quantile) => sortedQuantile(ascending, quantile))
    return maximise(shares, centres, means, (high - low) / 8, width)
  })
  const { weights, means, deviation } = fits.reduce((a, b) => (b.likelihood > a.likelihood ? b : a))
  const order = [0, 1, 2].sort((a, b) => means[a]! - means[b]!)
  return { weights: order.map((k) => weights[k]!), means: order.map((k) => means[k]!), deviation }
}

/** Expectation maximisation from given means and width; no component is narrower than a bin. */
function maximise(
  shares: Float64Array,
  centres: Float64Array,
  start: readonly number[],
  startDeviation: number,
  narrowest: number,
) {
  const weights = [1 / 3, 1 / 3, 1 / 3]
  const means = [...start]
  let deviation = startDeviation
  let likelihood = Number.NEGATIVE_INFINITY
  const density = [0, 0, 0]
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const mass = [0, 0, 0]
    const moment = [0, 0, 0]
    let squares = 0
    let next = -Math.log(deviation)
    for (let bin = 0; bin < shares.length; bin++) {
      const share = shares[bin]!
      const centre = centres[bin]!
      let sum = 0
      for (let k = 0; k < 3; k++) {
        // The tiny addition keeps values far from all components in the sums, shared by all.
        density[k] = weights[k]! * Math.exp(-0.5 * ((centre - means[k]!) / deviation) ** 2) + 1e-300
        sum += density[k]!
      }
      next += share * Math.log(sum)
      for (let k = 0; k < 3; k++) {
        const part = (share * density[k]!) / sum
        mass[k]! += part
        moment[k]! += part * centre
      }
      squares += share * centre * centre
    }
    for (let k = 0; k < 3; k++) {
      weights[k] = mass[k]!
      if (mass[k]! > 1e-12) means[k] = moment[k]! / mass[k]!
      squares -= mass[k]! * means[k]! ** 2
    }
    deviation = Math.max(narrowest, Math.sqrt(Math.max(0, squares)))
    if (next - likelihood < 1e-9) break
    likelihood = next
  }
  return { weights, means, deviation, likelihood }
}
