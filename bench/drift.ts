/** How fast something grows, and the standard error of that. */
export interface Drift {
  readonly slope: number
  readonly error: number
}

/** The slope of the least-squares line through three points or more. */
export function driftOf(x: readonly number[], y: readonly number[]): Drift {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [middle, level] = [mean(x), mean(y)]
  const spread = x.reduce((sum, at) => sum + (at - middle) ** 2, 0)
  const slope = x.reduce((sum, at, index) => sum + (at - middle) * (y[index]! - level), 0) / spread
  const rest = x.reduce((sum, at, index) => sum + (y[index]! - level - slope * (at - middle)) ** 2, 0)
  return { slope, error: Math.sqrt(rest / (x.length - 2) / spread) }
}

/** Whether a drift is beyond its bound by more than twice its standard error: noise alone seldom is. */
export const growsBeyond = ({ slope, error }: Drift, bound: number): boolean => slope - 2 * error > bound
