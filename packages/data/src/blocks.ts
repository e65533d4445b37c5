/** Three numbers along the network axes D, H, W, that is z, y, x. */
export type Triple = readonly [number, number, number]

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
