/**
 * Quantile of ascending values with linear interpolation between neighbours (0 = first, 1 = last).
 * NaN for an empty list.
 */
export function sortedQuantile(ascending: ArrayLike<number>, fraction: number): number {
  if (ascending.length === 0) return Number.NaN
  const position = fraction * (ascending.length - 1)
  const below = Math.floor(position)
  const low = ascending[below]!
  const high = ascending[Math.min(below + 1, ascending.length - 1)]!
  return low + (high - low) * (position - below)
}
