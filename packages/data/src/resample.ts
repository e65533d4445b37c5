import { invertAffine, multiplyAffines, type Vector3, voxelSizes } from './affine.ts'
import { headerForAffine } from './image/geometry.ts'
import {
  type Affine,
  type Grid,
  type ImageHeader,
  type LabelVolume,
  type Volume,
  voxelCount,
} from './image/volume.ts'

/** Where to resample to; with a header (any volume has one) the result gets that header, else one for the affine. */
export interface TargetGrid extends Grid {
  readonly header?: ImageHeader
}

/** Positions this close to a voxel centre (in voxels) are taken to be on it, so that equal grids copy exactly. */
const SNAP = 1e-6

/** Voxel sizes within this fraction of the wanted one are left alone. */
const SIZE_TOLERANCE = 0.01

/**
 * The grid over the same box in the world with voxels of `size` mm.
 *
 * Axes whose voxels are within 1 % of `size` keep their voxels; the others get as many as cover the box, around
 * the same centre. Returns the given grid itself when no axis changes.
 */
export function gridWithVoxelSize(grid: Grid, size: number): Grid {
  const sizes = voxelSizes(grid.affine)
  const keep = sizes.map((own) => Math.abs(own - size) <= SIZE_TOLERANCE * size)
  if (keep.every(Boolean)) return grid
  // Affines hold rounded numbers: without the margin 256 voxels of 1.0000001 mm would ask for a 257th.
  const counts = sizes.map((own, axis) =>
    keep[axis] ? grid.shape[axis]! : Math.max(1, Math.ceil((grid.shape[axis]! * own) / size - 1e-3)),
  )
  const ratios = sizes.map((own, axis) => (keep[axis] ? 1 : size / own))
  const rows = [0, 1, 2].map((row) => {
    let translation = grid.affine[row * 4 + 3]!
    const columns = ratios.map((ratio, axis) => {
      const column = grid.affine[row * 4 + axis]!
      translation += (column * (grid.shape[axis]! - 1 - ratio * (counts[axis]! - 1))) / 2
      return column * ratio
    })
    return [...columns, translation]
  })
  const [nx, ny, nz] = counts as [number, number, number]
  return { shape: [nx, ny, nz], affine: [...rows.flat(), 0, 0, 0, 1] }
}

/**
 * Resamples an image onto another grid in the world by trilinear interpolation.
 *
 * A voxel reaches half its size beyond its centre, so in the outermost half voxel the edge value holds; further
 * out the result is 0. On the source's own grid the values come back unchanged.
 */
export function resampleLinear(volume: Volume, target: TargetGrid): Volume {
  const [nx, ny, nz] = volume.shape
  const source = volume.data
  const strideZ = nx * ny
  const data = new Float32Array(voxelCount(target.shape))
  forEachSourcePosition(volume, target, (index, px, py, pz) => {
    const x = Math.min(Math.max(px, 0), nx - 1)
    const y = Math.min(Math.max(py, 0), ny - 1)
    const z = Math.min(Math.max(pz, 0), nz - 1)
    const x0 = Math.floor(x)
    const y0 = Math.floor(y)
    const z0 = Math.floor(z)
    const wx = x - x0
    const wy = y - y0
    const wz = z - z0
    // At the last voxel the weight of its neighbour is 0; the step 0 keeps that neighbour inside the array.
    const stepX = wx > 0 ? 1 : 0
    const stepY = wy > 0 ? nx : 0
    const stepZ = wz > 0 ? strideZ : 0
    const corner = x0 + y0 * nx + z0 * strideZ
    const top = corner + stepZ
    const a = mix(source[corner]!, source[corner + stepX]!, wx)
    const b = mix(source[corner + stepY]!, source[corner + stepY + stepX]!, wx)
    const c = mix(source[top]!, source[top + stepX]!, wx)
    const d = mix(source[top + stepY]!, source[top + stepY + stepX]!, wx)
    data[index] = mix(mix(a, b, wy), mix(c, d, wy), wz)
  })
  return { shape: target.shape, data, affine: target.affine, header: headerOf(target, volume.header) }
}

/**
 * Resamples a label map onto another grid in the world: every voxel takes the label of the nearest source voxel,
 * 0 outside the source.
 */
export function resampleNearest(labels: LabelVolume, target: TargetGrid): LabelVolume {
  const [nx, ny, nz] = labels.shape
  const data = new Uint8Array(voxelCount(target.shape))
  forEachSourcePosition(labels, target, (index, px, py, pz) => {
    const x = Math.min(Math.max(Math.floor(px + 0.5), 0), nx - 1)
    const y = Math.min(Math.max(Math.floor(py + 0.5), 0), ny - 1)
    const z = Math.min(Math.max(Math.floor(pz + 0.5), 0), nz - 1)
    data[index] = labels.data[x + nx * (y + ny * z)]!
  })
  return { shape: target.shape, data, affine: target.affine, header: headerOf(target, labels.header) }
}

function headerOf(target: TargetGrid, source: ImageHeader): ImageHeader {
  return target.header ?? headerForAffine(target.affine, source)
}

function mix(a: number, b: number, weight: number): number {
  return a + (b - a) * weight
}

/** Calls `visit` for each target voxel inside the source's box, with its position in source voxels. */
function forEachSourcePosition(
  source: Grid,
  target: Grid,
  visit: (index: number, x: number, y: number, z: number) => void,
): void {
  const toSource = multiplyAffines(invertAffine(source.affine), target.affine)
  const [mx, my, mz] = [column(toSource, 0), column(toSource, 1), column(toSource, 2)]
  const origin = column(toSource, 3)
  const [limitX, limitY, limitZ] = source.shape.map((size) => size - 0.5 + SNAP) as unknown as Vector3
  const lowest = -0.5 - SNAP
  const [nx, ny, nz] = target.shape
  let index = 0
  for (let k = 0; k < nz; k++) {
    for (let j = 0; j < ny; j++) {
      const rowX = origin[0] + mz[0] * k + my[0] * j
      const rowY = origin[1] + mz[1] * k + my[1] * j
      const rowZ = origin[2] + mz[2] * k + my[2] * j
      for (let i = 0; i < nx; i++, index++) {
        const x = snap(rowX + mx[0] * i)
        const y = snap(rowY + mx[1] * i)
        const z = snap(rowZ + mx[2] * i)
        if (x < lowest || y < lowest || z < lowest || x > limitX || y > limitY || z > limitZ) continue
        visit(index, x, y, z)
      }
    }
  }
}

function column(affine: Affine, index: number): Vector3 {
  return [affine[index]!, affine[4 + index]!, affine[8 + index]!]
}

function snap(position: number): number {
  const nearest = Math.round(position)
  return Math.abs(position - nearest) < SNAP ? nearest : position
}
