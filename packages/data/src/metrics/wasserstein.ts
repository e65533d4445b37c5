/**
 * Wasserstein-1 (earth mover's) distance between two samples, in the unit of the values.
 *
 * The integral over q in 0..1 of |quantile_a(q) - quantile_b(q)|, exact also for samples of different size.
 * The samples need not be sorted and are not changed. NaN when one of them is empty.
 */
export function wasserstein1(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length === 0 || b.length === 0) return Number.NaN
  const sortedA = Float64Array.from(a).sort()
  const sortedB = Float64Array.from(b).sort()
  let distance = 0
  let i = 0
  let j = 0
  let reached = 0
  while (i < sortedA.length && j < sortedB.length) {
    // Both quantile functions are steps; walk from one step end to the next.
    const endA = (i + 1) / sortedA.length
    const endB = (j + 1) / sortedB.length
    const next = Math.min(endA, endB)
    distance += (next - reached) * Math.abs(sortedA[i]! - sortedB[j]!)
    reached = next
    if (endA <= next) i++
    if (endB <= next) j++
  }
  return distance
}
