import { type Shape3, voxelCount } from '../image/volume.ts'

/** Size of a voxel along x, y and z in mm. */
export type Spacing = readonly [number, number, number]

/**
 * Squared Euclidean distance in mm² from every voxel centre to the nearest voxel of a mask; exact.
 *
 * The squared distance separates over the axes, so one axis after the other takes the lower envelope of
 * the parabolas that its lines hold (Felzenszwalb and Huttenlocher 2012): linear in the number of voxels.
 * Voxels of the mask get 0; all voxels get Infinity when the mask is empty.
 */
export function squaredDistanceTransform(
  mask: ArrayLike<number>,
  shape: Shape3,
  spacing: Spacing,
): Float64Array {
  const field = new Float64Array(voxelCount(shape))
  for (let i = 0; i < field.length; i++) field[i] = mask[i] ? 0 : Number.POSITIVE_INFINITY

  lowerEnvelope(field, shape, spacing)
  return field
}

/**
 * Replaces f(p) by the minimum over all voxels q of f(q) + |p - q|², in place; |p - q| in mm.
 *
 * With 0 on a mask and Infinity elsewhere this is {@link squaredDistanceTransform}; small squared distances
 * beside a surface make it a transform with better than voxel accuracy.
 */
export function lowerEnvelope(field: Float64Array, shape: Shape3, spacing: Spacing): void {
  const [nx, ny, nz] = shape
  const longest = Math.max(nx, ny, nz)
  const scratch: EnvelopeScratch = {
    values: new Float64Array(longest),
    vertices: new Int32Array(longest),
    starts: new Float64Array(longest),
  }
  for (let yz = 0; yz < ny * nz; yz++) transformLine(field, yz * nx, 1, nx, spacing[0], scratch)
  for (let z = 0; z < nz; z++) {
    for (let x = 0; x < nx; x++) transformLine(field, x + nx * ny * z, nx, ny, spacing[1], scratch)
  }
  for (let xy = 0; xy < nx * ny; xy++) transformLine(field, xy, nx * ny, nz, spacing[2], scratch)
}

/** Memory for the lower envelope of one line, reused for all lines of a volume. */
interface EnvelopeScratch {
  readonly values: Float64Array
  readonly vertices: Int32Array
  /** Where the parabola of each vertex takes over from the one before, in voxels. */
  readonly starts: Float64Array
}

/** Replaces f(i) by the minimum over j of f(j) + (step (i - j))² along one line of `field`. */
function transformLine(
  field: Float64Array,
  offset: number,
  stride: number,
  count: number,
  step: number,
  { values, vertices, starts }: EnvelopeScratch,
): void {
  const unit = step * step
  let last = -1
  for (let i = 0; i < count; i++) {
    const value = field[offset + i * stride]!
    values[i] = value
    if (value === Number.POSITIVE_INFINITY) continue
    let start = Number.NEGATIVE_INFINITY
    while (last >= 0) {
      const vertex = vertices[last]!
      start = ((value - values[vertex]!) / unit + i * i - vertex * vertex) / (2 * (i - vertex))
      if (start > starts[last]!) break
      last--
    }
    last++
    vertices[last] = i
    starts[last] = last === 0 ? Number.NEGATIVE_INFINITY : start
  }
  if (last < 0) return
  let current = 0
  for (let i = 0; i < count; i++) {
    while (current < last && starts[current + 1]! < i) current++
    const distance = i - vertices[current]!
    field[offset + i * stride] = values[vertices[current]!]! + unit * distance * distance
  }
}
