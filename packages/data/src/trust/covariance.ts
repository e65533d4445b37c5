/** Standard deviation below which a feature of images scaled to 0 .. 1 counts as one that does not vary. */
const SMALLEST_DEVIATION = 0.005

/**
 * Covariance of the columns of `rows` (observations), shrunk so that it can be inverted with fewer rows than
 * columns.
 *
 * The correlations r_jk become (1 - λ) r_jk; λ is the share that minimises the expected squared error, estimated
 * from the data (Schäfer and Strimmer 2005), but at least 0.1. Variances stay, with a floor that keeps a column that
 * hardly varied in training from deciding alone.
 */
export function shrunkCovariance(rows: readonly (readonly number[])[]): number[][] {
  const n = rows.length
  const columns = rows[0]!.length
  const means = rows[0]!.map((_, j) => rows.reduce((sum, row) => sum + row[j]!, 0) / n)
  const deviations = means.map((mean, j) =>
    Math.max(
      SMALLEST_DEVIATION,
      Math.sqrt(rows.reduce((sum, row) => sum + (row[j]! - mean) ** 2, 0) / (n - 1)),
    ),
  )
  const standard = rows.map((row) => row.map((value, j) => (value - means[j]!) / deviations[j]!))

  let uncertainty = 0
  let strength = 0
  const correlations = means.map((_, j) =>
    means.map((_, k) => {
      const products = standard.map((row) => row[j]! * row[k]!)
      const mean = products.reduce((sum, product) => sum + product, 0) / n
      const correlation = (mean * n) / (n - 1)
      if (j !== k) {
        const spread = products.reduce((sum, product) => sum + (product - mean) ** 2, 0)
        uncertainty += (n / (n - 1) ** 3) * spread
        strength += correlation ** 2
      }
      return correlation
    }),
  )
  const shrinkage = strength > 0 ? Math.min(1, Math.max(0.1, uncertainty / strength)) : 1
  return Array.from({ length: columns }, (_, j) =>
    Array.from({ length: columns }, (_, k) =>
      j === k
        ? deviations[j]! ** 2
        : (1 - shrinkage) * correlations[j]![k]! * deviations[j]! * deviations[k]!,
    ),
  )
}

/** Inverse of a symmetric positive definite matrix (Gauss-Jordan; such a matrix needs no pivoting). */
export function inverseOfSymmetric(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length
  const work = matrix.map((row, i) => [...row, ...Array.from({ length: size }, (_, j) => (i === j ? 1 : 0))])
  for (let pivot = 0; pivot < size; pivot++) {
    const row = work[pivot]!
    const scale = row[pivot]!
    for (let j = 0; j < 2 * size; j++) row[j]! /= scale
    for (let i = 0; i < size; i++) {
      if (i === pivot) continue
      const factor = work[i]![pivot]!
      for (let j = 0; j < 2 * size; j++) work[i]![j]! -= factor * row[j]!
    }
  }
  return work.map((row) => row.slice(size))
}
