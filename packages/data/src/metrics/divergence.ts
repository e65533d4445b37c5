import { DataError } from '../errors.ts'

/** Shannon entropy in nats of counts or probabilities; the values are normalised to sum 1 first. */
export function entropy(histogram: ArrayLike<number>): number {
  return entropyOf(normalize(histogram))
}

/**
 * Generalised Jensen-Shannon divergence of N histograms with equal weights, in nats.
 *
 * The mean of KL(p_i || mean p), which equals H(mean p) - mean H(p_i). It is 0 for equal histograms and at
 * most {@link jensenShannonBound}(N) for disjoint ones. Rows are counts or probabilities; each is normalised
 * to sum 1. Throws DataError for fewer than one row, rows of different length, or an empty row.
 */
export function jensenShannon(histograms: readonly ArrayLike<number>[]): number {
  const rows = normalizeAll(histograms)
  const mixture = new Float64Array(rows[0]!.length)
  let meanEntropy = 0
  for (const row of rows) {
    for (let j = 0; j < row.length; j++) mixture[j] = mixture[j]! + row[j]! / rows.length
    meanEntropy += entropyOf(row) / rows.length
  }
  // Rounding can leave a difference of equal entropies a hair below zero.
  return Math.max(0, entropyOf(mixture) - meanEntropy)
}

/** Largest possible {@link jensenShannon} of `count` histograms: ln(count) nats. */
export function jensenShannonBound(count: number): number {
  return Math.log(count)
}

/**
 * The number that the authors' script printed as "JSD" (the paper's Table 4); not a divergence.
 *
 * Their table of N histograms with B bins went into a function that averages along the wrong axis, and the
 * square root was taken. In closed form: sqrt(N / B * sum_i [ln B - H(p_i)]). It grows with the number of
 * images, so values of different N must not be compared. Kept only for a side-by-side with that table.
 */
export function jensenShannonLegacy(histograms: readonly ArrayLike<number>[]): number {
  const rows = normalizeAll(histograms)
  const bins = rows[0]!.length
  const distanceToUniform = rows.reduce((sum, row) => sum + Math.log(bins) - entropyOf(row), 0)
  return Math.sqrt((rows.length / bins) * Math.max(0, distanceToUniform))
}

function entropyOf(probabilities: Float64Array): number {
  let sum = 0
  for (const p of probabilities) if (p > 0) sum -= p * Math.log(p)
  return sum
}

function normalizeAll(histograms: readonly ArrayLike<number>[]): Float64Array[] {
  const bins = histograms[0]?.length
  if (bins === undefined || histograms.some((row) => row.length !== bins)) {
    throw new DataError('A divergence needs at least one histogram, and all must have the same bins.')
  }
  return histograms.map(normalize)
}

function normalize(histogram: ArrayLike<number>): Float64Array {
  const row = Float64Array.from(histogram)
  const total = row.reduce((sum, value) => sum + value, 0)
  if (!(total > 0)) {
    throw new DataError('A histogram has no counts, so it is no distribution.', {
      fix: 'check that the image has foreground voxels inside the histogram range',
    })
  }
  return row.map((value) => value / total)
}
