import { type BoundingBox, boundingBox } from '../bounding-box.ts'
import type { Shape3 } from '../image/volume.ts'

const EMPTY: BoundingBox = { low: [0, 0, 0], high: [-1, -1, -1] }

/** The smallest box around a mask, and the ways into it and back. */
export interface BrainBox {
  /** Size of the box in voxels. */
  readonly shape: Shape3
  /** The part of a volume inside the box. */
  cut<T extends Float32Array | Uint8Array>(volume: T): T
  /** A whole volume that holds the values of the box, and 0 around it. */
  paste<T extends Float32Array | Uint8Array>(values: T): T
}

/**
 * Finds the box around a mask (non-zero = inside). Half of a usual field of view is air, and nothing that is
 * measured inside a mask depends on it: leaving it out halves time and memory. An empty mask has a box without
 * voxels.
 */
export function brainBox(mask: Uint8Array, shape: Shape3): BrainBox {
  const [nx, ny] = shape
  const { low, high } = boundingBox(shape, (voxel) => mask[voxel]! > 0) ?? EMPTY
  const size = (axis: 0 | 1 | 2) => high[axis] - low[axis] + 1
  const [bx, by, bz] = [size(0), size(1), size(2)]

  /** Calls with the place of each row of the box in the whole volume and in the box. */
  function forRows(visit: (inVolume: number, inBox: number) => void): void {
    for (let z = 0; z < bz; z++) {
      for (let y = 0; y < by; y++) {
        visit(low[0] + nx * (low[1] + y + ny * (low[2] + z)), bx * (y + by * z))
      }
    }
  }
  function emptyLike<T extends Float32Array | Uint8Array>(values: T, length: number): T {
    return (values instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length)) as T
  }
  function cut<T extends Float32Array | Uint8Array>(volume: T): T {
    const values = emptyLike(volume, bx * by * bz)
    forRows((inVolume, inBox) => values.set(volume.subarray(inVolume, inVolume + bx), inBox))
    return values
  }
  function paste<T extends Float32Array | Uint8Array>(values: T): T {
    const volume = emptyLike(values, mask.length)
    forRows((inVolume, inBox) => volume.set(values.subarray(inBox, inBox + bx), inVolume))
    return volume
  }
  return { shape: [bx, by, bz], cut, paste }
}
