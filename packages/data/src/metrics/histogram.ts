import { ConfigError } from '../errors.ts'

/** How intensities are sorted into bins. */
export interface HistogramOptions {
  /** Number of equal bins. */
  readonly bins: number
  /** Lower and upper end of the bins in the unit of the values. */
  readonly range: readonly [number, number]
  /** Only values whose mask entry is non-zero are counted; all values without it. */
  readonly mask?: ArrayLike<number>
}

/**
 * Counts values in equal bins: bin floor((v - low) / (high - low) * bins), the upper end in the last bin.
 *
 * Values outside the range are not counted, nor is NaN. Throws ConfigError for an empty range or no bins.
 */
export function intensityHistogram(values: ArrayLike<number>, options: HistogramOptions): Float64Array {
  const { bins, mask } = options
  const [low, high] = options.range
  if (!(bins >= 1 && high > low)) {
    throw new ConfigError(`Histogram: ${bins} bins over ${low}..${high} hold nothing.`, {
      fix: 'give at least one bin and a range whose upper end is larger',
    })
  }
  const counts = new Float64Array(bins)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if ((mask && !mask[i]) || !(value >= low && value <= high)) continue
    const bin = Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))
    counts[bin] = counts[bin]! + 1
  }
  return counts
}
