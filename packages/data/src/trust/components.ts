import { type Shape3, voxelCount } from '../image/volume.ts'

/** The connected parts of a mask. */
export interface Components {
  /** For every voxel the number of its part, counted from 1 in the order of memory; 0 outside the mask. */
  readonly labels: Int32Array
  /** Number of voxels of each part: `sizes[0]` belongs to the part with number 1. */
  readonly sizes: readonly number[]
}

/**
 * Finds the parts of a mask (non-zero = inside) whose voxels hang together by faces (6 neighbours).
 *
 * A flood fill with an explicit stack: linear in the number of voxels, and deep shapes cannot overflow the call stack.
 */
export function connectedComponents(mask: ArrayLike<number>, shape: Shape3): Components {
  const [nx, ny, nz] = shape
  const plane = nx * ny
  const count = voxelCount(shape)
  const labels = new Int32Array(count)
  const sizes: number[] = []
  let stack = new Int32Array(1024)
  let depth = 0

  function push(voxel: number, label: number): void {
    if (!mask[voxel] || labels[voxel] !== 0) return
    // A voxel is labelled when it is pushed, so it enters the stack once.
    labels[voxel] = label
    if (depth === stack.length) {
      const larger = new Int32Array(2 * depth)
      larger.set(stack)
      stack = larger
    }
    stack[depth++] = voxel
  }

  for (let seed = 0; seed < count; seed++) {
    if (!mask[seed] || labels[seed] !== 0) continue
    const label = sizes.length + 1
    let size = 0
    push(seed, label)
    while (depth > 0) {
      const voxel = stack[--depth]!
      size++
      const x = voxel % nx
      const y = Math.floor(voxel / nx) % ny
      const z = Math.floor(voxel / plane)
      if (x > 0) push(voxel - 1, label)
      if (x < nx - 1) push(voxel + 1, label)
      if (y > 0) push(voxel - nx, label)
      if (y < ny - 1) push(voxel + nx, label)
      if (z > 0) push(voxel - plane, label)
      if (z < nz - 1) push(voxel + plane, label)
    }
    sizes.push(size)
  }
  return { labels, sizes }
}
