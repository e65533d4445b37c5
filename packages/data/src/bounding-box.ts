import type { Shape3 } from './image/volume.ts'

/** The smallest box around some voxels: first and last index along x, y and z. */
export interface BoundingBox {
  readonly low: Shape3
  readonly high: Shape3
}

/** Finds the box around the voxels that are `inside`, given by their index (x fastest); undefined for none. */
export function boundingBox(
  [nx, ny, nz]: Shape3,
  inside: (voxel: number) => boolean,
): BoundingBox | undefined {
  const low = [nx, ny, nz]
  const high = [-1, -1, -1]
  let voxel = 0
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, voxel++) {
        if (!inside(voxel)) continue
        if (x < low[0]!) low[0] = x
        if (x > high[0]!) high[0] = x
        if (y < low[1]!) low[1] = y
        if (y > high[1]!) high[1] = y
        if (z < low[2]!) low[2] = z
        high[2] = z
      }
    }
  }
  if (high[2]! < 0) return undefined
  return { low: [low[0]!, low[1]!, low[2]!], high: [high[0]!, high[1]!, high[2]!] }
}
