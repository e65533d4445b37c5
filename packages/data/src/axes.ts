import type { Shape3 } from './image/volume.ts'

/**
 * Three numbers along the network axes D, H, W, that is z, y, x: the reverse of {@link Shape3}. `order` is never
 * stored: it is there so that the compiler refuses one where the other is meant.
 */
export type Triple = readonly [number, number, number] & { readonly order?: 'zyx' }

/** Network axes (z, y, x) from image axes (x, y, z). */
export function networkAxes([x, y, z]: Shape3): Triple {
  return [z, y, x]
}

/** Image axes (x, y, z) from network axes (z, y, x). */
export function imageAxes([z, y, x]: Triple): Shape3 {
  return [x, y, z]
}

/** A dense array [D, H, W, C]: voxels with interleaved channels. */
export interface Block<Data extends Float32Array | Uint8Array> {
  readonly data: Data
  readonly shape: Triple
  readonly channels: number
}

/**
 * Copies a cube of a volume into a batch buffer, with zeros where the cube leaves the volume.
 *
 * `corner` is the first voxel of the cube (z, y, x), `side` its length, `offset` where it starts in `output`; it
 * takes up side³ · channels elements there.
 */
export function copyCube<Data extends Float32Array | Uint8Array>(
  source: Block<Data>,
  corner: Triple,
  side: number,
  output: Data,
  offset: number,
): void {
  const { data, shape, channels } = source
  const [depth, height, width] = shape
  const rowLength = side * channels
  const firstX = Math.max(0, corner[2])
  const lastX = Math.min(width, corner[2] + side)
  const count = Math.max(0, lastX - firstX) * channels
  const shift = (firstX - corner[2]) * channels
  for (let dz = 0; dz < side; dz++) {
    const z = corner[0] + dz
    for (let dy = 0; dy < side; dy++) {
      const y = corner[1] + dy
      const row = offset + (dz * side + dy) * rowLength
      output.fill(0, row, row + rowLength)
      if (count === 0 || z < 0 || z >= depth || y < 0 || y >= height) continue
      const start = ((z * height + y) * width + firstX) * channels
      output.set(data.subarray(start, start + count), row + shift)
    }
  }
}
