import type { Shape3 } from '../image/volume.ts'
import type { Spacing } from '../metrics/distance-transform.ts'

/**
 * Replaces every value by the sum over a box around it, in place; beyond the grid everything is 0.
 *
 * The box reaches `radii` voxels to both sides along x, y and z. Running sums make the cost independent of its size.
 */
export function boxSum(field: Float32Array, shape: Shape3, radii: Shape3): void {
  const [nx, ny, nz] = shape
  const plane = nx * ny
  const sums = new Float64Array(Math.max(nx, ny, nz) + 1)

  function line(offset: number, stride: number, count: number, radius: number): void {
    for (let i = 0; i < count; i++) sums[i + 1] = sums[i]! + field[offset + i * stride]!
    for (let i = 0; i < count; i++) {
      const upper = sums[Math.min(count, i + radius + 1)]!
      field[offset + i * stride] = upper - sums[Math.max(0, i - radius)]!
    }
  }

  if (radii[0] > 0) for (let yz = 0; yz < ny * nz; yz++) line(yz * nx, 1, nx, radii[0])
  if (radii[1] > 0) {
    for (let z = 0; z < nz; z++) for (let x = 0; x < nx; x++) line(x + plane * z, nx, ny, radii[1])
  }
  if (radii[2] > 0) for (let xy = 0; xy < plane; xy++) line(xy, plane, nz, radii[2])
}

/** Local mean of a volume over the voxels of a mask, 0 outside it. */
export type LocalMean = (values: Float32Array) => Float32Array

/**
 * Makes the Gaussian mean of the mask's voxels around each of them: voxels outside have no weight.
 *
 * `width` is the full width at half maximum in mm. The Gaussian is three boxes in a row, whose variances add up to its
 * own (Wells 1986); a box is a whole odd number of voxels, so the width is right to about one voxel.
 */
export function localMean(mask: Uint8Array, shape: Shape3, spacing: Spacing, width: number): LocalMean {
  // A box of w voxels has variance (w² - 1) / 12. A full width at half maximum is 2.355 standard deviations.
  const radius = (axis: 0 | 1 | 2) =>
    Math.round((Math.sqrt(4 * (width / 2.355 / spacing[axis]) ** 2 + 1) - 1) / 2)
  const radii: Shape3 = [radius(0), radius(1), radius(2)]
  const blur = (field: Float32Array) => {
    for (let pass = 0; pass < 3; pass++) boxSum(field, shape, radii)
    return field
  }
  const weights = blur(Float32Array.from(mask, (inside) => (inside ? 1 : 0)))
  return (values) => {
    const sums = new Float32Array(values.length)
    for (let i = 0; i < values.length; i++) if (mask[i]) sums[i] = values[i]!
    blur(sums)
    for (let i = 0; i < values.length; i++) sums[i] = mask[i] ? sums[i]! / weights[i]! : 0
    return sums
  }
}
