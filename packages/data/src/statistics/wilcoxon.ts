import { normalTail } from './normal.ts'

/** Result of {@link wilcoxonSignedRank}. */
export interface SignedRankTest {
  /** The smaller of the two sums of ranks, of the positive and of the negative differences. */
  readonly statistic: number
  /** Two-sided. */
  readonly p: number
  /** Pairs that differ; the others say nothing. */
  readonly pairs: number
}

/** Up to this many pairs every pattern of signs is counted; beyond, the normal distribution is close enough. */
const EXACT_PAIRS = 25

/**
 * Wilcoxon's signed-rank test of paired samples, two-sided (Wilcoxon 1945).
 *
 * Pairs without difference are dropped, as Wilcoxon did, and equal differences share the mean of their ranks. Up to 25
 * pairs p is exact, given the ties; above it is the normal approximation with corrections for ties and continuity. With
 * no pair that differs p is 1. Throws RangeError for samples of different length and for values that are not finite.
 */
export function wilcoxonSignedRank(a: readonly number[], b: readonly number[]): SignedRankTest {
  if (a.length !== b.length) {
    throw new RangeError(`A paired test needs two values a pair but got ${a.length} and ${b.length} values.`)
  }
  if (![...a, ...b].every(Number.isFinite)) throw new RangeError('A paired test needs finite values.')
  const differences = a.map((value, index) => value - b[index]!).filter((difference) => difference !== 0)
  const pairs = differences.length
  const ranks = doubledRanks(differences.map(Math.abs))
  const positive = ranks.reduce((sum, rank, index) => sum + (differences[index]! > 0 ? rank : 0), 0)
  const smaller = Math.min(positive, pairs * (pairs + 1) - positive)
  const tail = pairs <= EXACT_PAIRS ? exactTail(ranks, smaller) : approximateTail(ranks, smaller)
  return { statistic: smaller / 2, p: Math.min(1, 2 * tail), pairs }
}

/**
 * p-values adjusted for the number of tests (Holm 1979), in the order given: those at most α may be called significant,
 * with a probability of at most α that any of them is so by chance.
 *
 * NaN stands for a test that could not be done: it stays and does not count.
 */
export function holm(pValues: readonly number[]): number[] {
  const ascending = pValues
    .flatMap((p, index) => (Number.isNaN(p) ? [] : [{ p, index }]))
    .sort((left, right) => left.p - right.p)
  const adjusted = pValues.map(() => Number.NaN)
  let reached = 0
  ascending.forEach(({ p, index }, position) => {
    reached = Math.max(reached, Math.min(1, (ascending.length - position) * p))
    adjusted[index] = reached
  })
  return adjusted
}

/** Twice the mid-rank of each value, so that all are whole numbers. */
function doubledRanks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((left, right) => values[left]! - values[right]!)
  const ranks = values.map(() => 0)
  for (let first = 0; first < order.length; ) {
    let end = first + 1
    while (end < order.length && values[order[end]!] === values[order[first]!]) end++
    // Ranks first + 1 to end share their mean.
    for (let position = first; position < end; position++) ranks[order[position]!] = first + 1 + end
    first = end
  }
  return ranks
}

/** Probability that a sum of ranks with random signs is at most `bound`, by counting the patterns of signs. */
function exactTail(ranks: readonly number[], bound: number): number {
  const counts = new Float64Array(bound + 1)
  counts[0] = 1
  for (const rank of ranks) {
    for (let sum = bound; sum >= rank; sum--) counts[sum] = counts[sum]! + counts[sum - rank]!
  }
  return counts.reduce((total, count) => total + count, 0) / 2 ** ranks.length
}

function approximateTail(ranks: readonly number[], bound: number): number {
  const count = ranks.length
  const mean = (count * (count + 1)) / 4
  // The sum of squared ranks is n(n + 1)(2n + 1) / 6 less (t³ - t) / 12 for t equal differences.
  const variance = ranks.reduce((sum, rank) => sum + (rank / 2) ** 2, 0) / 4
  const distance = Math.max(0, mean - bound / 2 - 0.5)
  return normalTail(distance / Math.sqrt(variance))
}
