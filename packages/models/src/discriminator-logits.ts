/**
 * What a discriminator's logits say, with all that is generated as one class: `[sites…, generated]`. D of the paper
 * has these classes. One that also tells which site a generated patch came from has a class for each site behind them,
 * whose probabilities add up here, so that judgements mean the same for every adversarial term.
 *
 * `logits` is one row; the result has `sites + 1` logits, of the same probabilities.
 */
export function mergeGenerated(logits: Float32Array, sites: number): Float64Array {
  const merged = Float64Array.from(logits.subarray(0, sites + 1))
  merged[sites] = logSumExp(logits.subarray(sites))
  return merged
}

/** Position of the largest value, the first of equals. */
export function argmax(values: Float64Array): number {
  return values.indexOf(Math.max(...values))
}

/** Probabilities of `[sites…, generated]` from a row of a discriminator's logits. */
export function judgementOf(logits: Float32Array, sites: number): Float64Array {
  const merged = mergeGenerated(logits, sites)
  return merged.map((_, index) => Math.exp(logProbability(merged, index)))
}

/** Log of the softmax of one value. */
export function logProbability(values: Float32Array | Float64Array, index: number): number {
  const largest = Math.max(...values)
  return values[index]! - largest - logSumOver(values, largest)
}

/** Exact for a single value. */
function logSumExp(values: Float32Array): number {
  const largest = Math.max(...values)
  return largest + logSumOver(values, largest)
}

/** Log of the sum of exponentials, which cannot overflow as the largest becomes 1. */
function logSumOver(values: Float32Array | Float64Array, largest: number): number {
  let sum = 0
  for (const value of values) sum += Math.exp(value - largest)
  return Math.log(sum)
}
