/**
 * The non-decreasing sequence nearest to `values` in weighted least squares (isotonic regression).
 *
 * Pool adjacent violators (Barlow et al. 1972): neighbouring blocks whose means fall are merged into one block with
 * their common mean, which is linear in the number of values. Weights must be positive.
 */
export function isotonicRegression(values: ArrayLike<number>, weights: ArrayLike<number>): Float64Array {
  const count = values.length
  const means = new Float64Array(count)
  const masses = new Float64Array(count)
  const ends = new Int32Array(count)
  let blocks = 0
  for (let i = 0; i < count; i++) {
    let mean = values[i]!
    let mass = weights[i]!
    while (blocks > 0 && means[blocks - 1]! >= mean) {
      blocks--
      const total = masses[blocks]! + mass
      mean += ((means[blocks]! - mean) * masses[blocks]!) / total
      mass = total
    }
    means[blocks] = mean
    masses[blocks] = mass
    ends[blocks] = i + 1
    blocks++
  }
  const fitted = new Float64Array(count)
  for (let block = 0, start = 0; block < blocks; block++) {
    fitted.fill(means[block]!, start, ends[block]!)
    start = ends[block]!
  }
  return fitted
}
