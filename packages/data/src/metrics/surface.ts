import { type Shape3, voxelCount } from '../image/volume.ts'

/**
 * Marks the voxels of a mask that have at least one of their six neighbours outside it.
 *
 * What lies beyond the array counts as outside. `mask` holds 0 or non-zero per voxel, x fastest; the
 * result has 1 on the surface and 0 elsewhere.
 */
export function surfaceVoxels(mask: ArrayLike<number>, shape: Shape3): Uint8Array {
  const [nx, ny, nz] = shape
  const surface = new Uint8Array(voxelCount(shape))
  const plane = nx * ny
  let i = 0
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        if (!mask[i]) continue
        const inner =
          x > 0 &&
          x < nx - 1 &&
          y > 0 &&
          y < ny - 1 &&
          z > 0 &&
          z < nz - 1 &&
          mask[i - 1] &&
          mask[i + 1] &&
          mask[i - nx] &&
          mask[i + nx] &&
          mask[i - plane] &&
          mask[i + plane]
        surface[i] = inner ? 0 : 1
      }
    }
  }
  return surface
}
