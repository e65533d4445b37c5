/**
 * Probability that a standard normal deviate exceeds `z`, for z of 0 or more, to about 13 digits.
 *
 * Near 0 the power series of the density's integral (Abramowitz & Stegun 26.2.11), beyond 3 Laplace's continued
 * fraction (26.2.14), so that small probabilities keep their digits.
 */
export function normalTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)
  if (z < 3) {
    let term = z
    let sum = z
    for (let odd = 3; term > 1e-17 * sum; odd += 2) {
      term *= (z * z) / odd
      sum += term
    }
    return 0.5 - density * sum
  }
  let denominator = z
  for (let level = 100; level > 0; level--) denominator = z + level / denominator
  return density / denominator
}
