/**
 * Lower triangle L of a symmetric positive definite matrix A = L Lᵀ; both `[size, size]`, row by row. What lies above
 * the diagonal of A is not read.
 */
export function choleskyFactor(matrix: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(size * size)
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = matrix[row * size + column]!
      for (let k = 0; k < column; k++) rest -= factor[row * size + k]! * factor[column * size + k]!
      factor[row * size + column] = row === column ? Math.sqrt(rest) : rest / factor[column * size + column]!
    }
  }
  return factor
}

/** Solves A x = `right` for the matrix whose {@link choleskyFactor} is `factor`. */
export function choleskySolve(factor: Float64Array, right: Float64Array): Float64Array {
  const size = right.length
  const solution = right.slice()
  for (let row = 0; row < size; row++) {
    for (let k = 0; k < row; k++) solution[row] = solution[row]! - factor[row * size + k]! * solution[k]!
    solution[row] = solution[row]! / factor[row * size + row]!
  }
  for (let row = size - 1; row >= 0; row--) {
    for (let k = row + 1; k < size; k++)
      solution[row] = solution[row]! - factor[k * size + row]! * solution[k]!
    solution[row] = solution[row]! / factor[row * size + row]!
  }
  return solution
}
