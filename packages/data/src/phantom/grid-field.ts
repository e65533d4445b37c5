import { type Shape3, voxelCount } from '../image/volume.ts'

/**
 * Slope of a field along one axis, per voxel: a central difference, one-sided at the border of the grid.
 *
 * `i` is the voxel, `stride` the distance to its neighbour in memory, `index` its position among `count`.
 */
export function slopeAlong(
  field: Float32Array,
  i: number,
  stride: number,
  index: number,
  count: number,
): number {
  if (index === 0) return field[i + stride]! - field[i]!
  if (index === count - 1) return field[i]! - field[i - stride]!
  return (field[i + stride]! - field[i - stride]!) / 2
}

/** Means over blocks of factor³ voxels: from the fine grid to a grid `factor` times coarser. */
export function blockMean(fine: Float32Array, coarseShape: Shape3, factor: number): Float32Array {
  if (factor === 1) return fine
  const [nx, ny, nz] = coarseShape
  const coarse = new Float32Array(voxelCount(coarseShape))
  const fineX = nx * factor
  const fineY = ny * factor
  let i = 0
  for (let z = 0; z < nz * factor; z++) {
    for (let y = 0; y < fineY; y++) {
      const row = nx * (Math.floor(y / factor) + ny * Math.floor(z / factor))
      for (let x = 0; x < fineX; x++, i++) {
        const at = row + Math.floor(x / factor)
        coarse[at] = coarse[at]! + fine[i]!
      }
    }
  }
  const share = 1 / factor ** 3
  for (let at = 0; at < coarse.length; at++) coarse[at] = coarse[at]! * share
  return coarse
}
