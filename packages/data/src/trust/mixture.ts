import { DataError } from '../errors.ts'
import { intensityHistogram } from '../metrics/histogram.ts'
import { sortedQuantile } from '../metrics/quantile.ts'

/** A mixture of three Gaussians, ascending by mean. */
export interface Mixture {
  readonly weights: readonly number[]
  readonly means: readonly number[]
  readonly deviations: readonly number[]
}

const BINS = 1024
const ITERATIONS = 200

/** Shares of the brain where the first guesses of the three means lie: tissues differ in volume and contrast. */
const STARTS = [
  [1 / 6, 1 / 2, 5 / 6],
  [0.05, 0.45, 0.8],
  [0.1, 0.35, 0.85],
  [0.03, 0.2, 0.6],
] as const

/**
 * Fits three Gaussians to intensities by expectation maximisation, over a histogram of 1024 bins between the 0.1st and the
 * 99.9th percentile, so the cost does not grow with the volume.
 *
 * It starts from several places and keeps the fit with the highest likelihood, because one start can end in a poor local
 * maximum. Throws DataError for an empty list.
 */
export function fitMixture(values: Float32Array): Mixture {
  if (values.length === 0) throw new DataError('Segmenter: the brain mask is empty.')
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
  const best = fits.reduce((a, b) => (b.likelihood > a.likelihood ? b : a))
  const order = [0, 1, 2].sort((a, b) => best.means[a]! - best.means[b]!)
  return {
    weights: order.map((k) => best.weights[k]!),
    means: order.map((k) => best.means[k]!),
    deviations: order.map((k) => best.deviations[k]!),
  }
}

/** Expectation maximisation from given means; a component never gets narrower than a bin. */
function maximise(
  shares: Float64Array,
  centres: Float64Array,
  start: readonly number[],
  deviation: number,
  narrowest: number,
) {
  const weights = [1 / 3, 1 / 3, 1 / 3]
  const means = [...start]
  const deviations = [deviation, deviation, deviation]
  let likelihood = Number.NEGATIVE_INFINITY
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const mass = [0, 0, 0]
    const first = [0, 0, 0]
    const second = [0, 0, 0]
    let next = 0
    for (let bin = 0; bin < shares.length; bin++) {
      const share = shares[bin]!
      if (share === 0) continue
      const density = means.map((mean, k) => {
        const z = (centres[bin]! - mean) / deviations[k]!
        return (weights[k]! / deviations[k]!) * Math.exp(-0.5 * z * z) + 1e-300
      })
      const sum = density[0]! + density[1]! + density[2]!
      next += share * Math.log(sum)
      for (let k = 0; k < 3; k++) {
        const part = (share * density[k]!) / sum
        mass[k]! += part
        first[k]! += part * centres[bin]!
        second[k]! += part * centres[bin]! ** 2
      }
    }
    for (let k = 0; k < 3; k++) {
      if (mass[k]! < 1e-12) continue
      weights[k] = mass[k]!
      means[k] = first[k]! / mass[k]!
      deviations[k] = Math.max(narrowest, Math.sqrt(Math.max(0, second[k]! / mass[k]! - means[k]! ** 2)))
    }
    if (next - likelihood < 1e-9) break
    likelihood = next
  }
  return { weights, means, deviations, likelihood }
}
