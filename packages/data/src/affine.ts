import { DataError } from './errors.ts'
import type { Affine, Grid, Shape3 } from './image/volume.ts'

/** A point or a vector in voxel or world coordinates. */
export type Vector3 = readonly [number, number, number]

/** A 3 x 3 matrix in row-major order. */
export type Matrix3 = readonly number[]

/** The product `a b`: first `b`, then `a`. */
export function multiplyAffines(a: Affine, b: Affine): Affine {
  const product = new Array<number>(16)
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      let sum = 0
      for (let k = 0; k < 4; k++) sum += a[row * 4 + k]! * b[k * 4 + column]!
      product[row * 4 + column] = sum
    }
  }
  return product
}

/** The inverse of an affine. Throws DataError when the three axes do not span the space. */
export function invertAffine(affine: Affine): Affine {
  if (!spansSpace(affine)) throw new DataError('An affine without an inverse cannot place an image in space.')
  const inverse = invertMatrix(linearPart(affine))
  const [tx, ty, tz] = [affine[3]!, affine[7]!, affine[11]!]
  const rows = [0, 1, 2].map((row) => {
    const [a, b, c] = inverse.slice(row * 3, row * 3 + 3) as [number, number, number]
    return [a, b, c, -(a * tx + b * ty + c * tz)]
  })
  return [...rows.flat(), 0, 0, 0, 1]
}

/** The world position of a voxel index, or any other affine map of a point. */
export function applyAffine(affine: Affine, [x, y, z]: Vector3): Vector3 {
  return [
    affine[0]! * x + affine[1]! * y + affine[2]! * z + affine[3]!,
    affine[4]! * x + affine[5]! * y + affine[6]! * z + affine[7]!,
    affine[8]! * x + affine[9]! * y + affine[10]! * z + affine[11]!,
  ]
}

/** Edge lengths of a voxel in mm: the lengths of the affine's first three columns. */
export function voxelSizes(affine: Affine): Vector3 {
  const length = (column: number) => Math.hypot(affine[column]!, affine[4 + column]!, affine[8 + column]!)
  return [length(0), length(1), length(2)]
}

/** Whether the affine is finite and its three axes are independent, whatever the size of a voxel. */
export function spansSpace(affine: Affine): boolean {
  if (!affine.every(Number.isFinite)) return false
  const sizes = voxelSizes(affine)
  if (sizes.some((size) => size === 0)) return false
  // With unit columns the determinant is the volume of the cell relative to a cube, so it has no unit.
  return Math.abs(determinant(linearPart(affine).map((value, index) => value / sizes[index % 3]!))) > 1e-4
}

/**
 * The largest distance in mm between where two affines put a corner of a grid.
 *
 * Affine maps differ most at corners, so no voxel is further off than this.
 */
export function largestCornerDistance(shape: Shape3, a: Affine, b: Affine): number {
  let largest = 0
  for (let corner = 0; corner < 8; corner++) {
    const index: Vector3 = [
      corner & 1 ? shape[0] - 1 : 0,
      corner & 2 ? shape[1] - 1 : 0,
      corner & 4 ? shape[2] - 1 : 0,
    ]
    const [ax, ay, az] = applyAffine(a, index)
    const [bx, by, bz] = applyAffine(b, index)
    const distance = Math.hypot(ax - bx, ay - by, az - bz)
    if (!(distance <= largest)) largest = distance
  }
  return largest
}

/** Whether two grids have the same shape and put every voxel at the same place, up to `tolerance` mm. */
export function sameGrid(a: Grid, b: Grid, tolerance = 0.05): boolean {
  const sameShape = a.shape.every((size, axis) => size === b.shape[axis])
  return sameShape && largestCornerDistance(a.shape, a.affine, b.affine) <= tolerance
}

/** The upper left 3 x 3 part: directions and voxel sizes without the translation. */
export function linearPart(affine: Affine): Matrix3 {
  return [0, 1, 2, 4, 5, 6, 8, 9, 10].map((index) => affine[index]!)
}

/** Determinant of a 3 x 3 matrix; negative for a left-handed set of axes. */
export function determinant(m: Matrix3): number {
  const [a, b, c, d, e, f, g, h, i] = m as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
}

/**
 * The orthogonal matrix closest to `matrix` after its columns are scaled to unit length (polar decomposition).
 *
 * Keeps the handedness: the determinant is 1 or -1 as in `matrix`, whose columns must be independent.
 */
export function nearestOrthogonal(matrix: Matrix3): Matrix3 {
  const lengths = [0, 1, 2].map((column) =>
    Math.hypot(matrix[column]!, matrix[3 + column]!, matrix[6 + column]!),
  )
  let current: Matrix3 = matrix.map((value, index) => value / lengths[index % 3]!)
  // Newton's iteration for the polar factor converges quadratically; 60 rounds are far more than ever needed.
  for (let round = 0; round < 60; round++) {
    const inverse = invertMatrix(current)
    const next = current.map(
      (value, index) => (value + inverse[(index % 3) * 3 + Math.floor(index / 3)]!) / 2,
    )
    const change = Math.max(...next.map((value, index) => Math.abs(value - current[index]!)))
    current = next
    if (change < 1e-15) break
  }
  return current
}

/** Angle in degrees of the rotation that takes the axes of one affine to those of another. */
export function angleBetween(a: Affine, b: Affine): number {
  const p = nearestOrthogonal(linearPart(a))
  const q = nearestOrthogonal(linearPart(b))
  // Opposite handedness cannot be reached by turning: call it the largest angle there is.
  if (determinant(p) * determinant(q) < 0) return 180
  const trace = p.reduce((sum, value, index) => sum + value * q[index]!, 0)
  return (Math.acos(Math.min(1, Math.max(-1, (trace - 1) / 2))) * 180) / Math.PI
}

function invertMatrix(m: Matrix3): Matrix3 {
  const [a, b, c, d, e, f, g, h, i] = m as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const scale = 1 / determinant(m)
  const adjugate = [
    ...[e * i - f * h, c * h - b * i, b * f - c * e],
    ...[f * g - d * i, a * i - c * g, c * d - a * f],
    ...[d * h - e * g, b * g - a * h, a * e - b * d],
  ]
  return adjugate.map((value) => value * scale)
}
