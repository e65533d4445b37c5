import { sortedQuantile } from '../metrics/quantile.ts'
import { randomStream } from '../random.ts'

/** Arithmetic mean, in the unit of the values; NaN for none. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Standard deviation of a sample (divisor n - 1), in the unit of the values; NaN for fewer than two. */
export function deviationOf(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN
  const mean = meanOf(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

/** How {@link bootstrapInterval} draws. */
export interface BootstrapOptions {
  readonly seed: number
  /** Samples drawn with replacement; 2000 by default. */
  readonly resamples?: number
  /** Probability that the interval is to cover; 0.95 by default. */
  readonly level?: number
}

/** Ends of an interval in the unit of the values. */
export interface Interval {
  readonly low: number
  readonly high: number
}

/**
 * Percentile bootstrap interval of the mean (Efron & Tibshirani 1993, chapter 13).
 *
 * The values must be independent: one for each subject, never one for each patch. The same seed gives the same
 * interval. With few subjects it is too narrow, with one it is a point; NaN for no value.
 */
export function bootstrapInterval(values: readonly number[], options: BootstrapOptions): Interval {
  return stratifiedBootstrapInterval([values], options)
}

/**
 * Like {@link bootstrapInterval} for the mean of the groups' means: each group is drawn from itself, so that a large group
 * weighs no more than a small one. NaN without groups or with an empty one.
 */
export function stratifiedBootstrapInterval(
  groups: readonly (readonly number[])[],
  options: BootstrapOptions,
): Interval {
  const { seed, resamples = 2000, level = 0.95 } = options
  if (groups.length === 0 || groups.some(({ length }) => length === 0))
    return { low: Number.NaN, high: Number.NaN }
  const stream = randomStream(seed, 'bootstrap')
  const means = new Float64Array(resamples)
  for (let resample = 0; resample < resamples; resample++) {
    for (const values of groups) {
      let sum = 0
      for (let draw = 0; draw < values.length; draw++) sum += values[stream.integer(values.length)]!
      means[resample]! += sum / values.length / groups.length
    }
  }
  means.sort()
  const outside = (1 - level) / 2
  return { low: sortedQuantile(means, outside), high: sortedQuantile(means, 1 - outside) }
}
