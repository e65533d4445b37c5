import type { Triple } from './axes.ts'

/**
 * First voxels of the windows along one axis: 0, stride, 2 stride, ... and one more flush with the far end.
 *
 * An axis shorter than the window has a single start 0; its far end is padded with zeros.
 */
export function windowStarts(length: number, window: number, stride: number): number[] {
  const last = Math.max(0, length - window)
  const starts: number[] = []
  for (let start = 0; start < last; start += stride) starts.push(start)
  starts.push(last)
  return starts
}

/**
 * Corners (z, y, x) of all windows over a volume [D, H, W], ordered by z, then y, then x.
 *
 * With a mask of the volume, windows without a voxel above zero are left out.
 */
export function windowCorners(shape: Triple, window: number, stride: number, mask?: Uint8Array): Triple[] {
  const [zs, ys, xs] = shape.map((length) => windowStarts(length, window, stride)) as [
    number[],
    number[],
    number[],
  ]
  const corners = zs.flatMap((z) => ys.flatMap((y) => xs.map((x): Triple => [z, y, x])))
  return mask === undefined ? corners : corners.filter((corner) => touches(mask, shape, corner, window))
}

function touches(mask: Uint8Array, shape: Triple, corner: Triple, window: number): boolean {
  const [depth, height, width] = shape
  const endX = Math.min(width, corner[2] + window)
  for (let z = corner[0]; z < Math.min(depth, corner[0] + window); z++) {
    for (let y = corner[1]; y < Math.min(height, corner[1] + window); y++) {
      const row = (z * height + y) * width
      for (let voxel = row + corner[2]; voxel < row + endX; voxel++) {
        if (mask[voxel]! > 0) return true
      }
    }
  }
  return false
}

/** One finished slice of a volume. */
export interface FinishedPlane {
  readonly z: number
  /** Mean over the windows that cover each voxel, [H, W, C]; 0 where no window does. */
  readonly values: Float32Array<ArrayBuffer>
}

/** Averages overlapping windows slice by slice; see {@link windowAggregator}. */
export interface WindowAggregator {
  /**
   * Adds the values [side, side, side, C] of the window at `corner`, found at `offset` in `values`. Windows come in
   * the order of z; throws RangeError when this one reaches into slices that are already finished.
   */
  add(corner: Triple, values: Float32Array, offset?: number): void
  /** Hands over all slices before `z` that were not handed over yet: no later window may touch them. */
  finishedThrough(z: number): FinishedPlane[]
}

/**
 * The inverse of cutting a volume [D, H, W] into cubes: sums windows with `channels` values per voxel and gives
 * back the mean over the windows that cover a voxel.
 *
 * Memory is one slab of `window` slices, whatever the depth of the volume. Call `finishedThrough(corner[0])` before
 * adding the first window of a new z and `finishedThrough(D)` at the end.
 */
export function windowAggregator(shape: Triple, window: number, channels: number): WindowAggregator {
  const [depth, height, width] = shape
  const planeSize = height * width
  const slots = Math.min(window, depth)
  // Slice z lives in slot z mod slots: a window spans at most that many slices.
  // Doubles keep the mean of many windows exact to single precision.
  const sums = new Float64Array(slots * planeSize * channels)
  const counts = new Uint16Array(slots * planeSize)
  let finished = 0

  function add(corner: Triple, values: Float32Array, offset = 0): void {
    const endZ = Math.min(depth, corner[0] + window)
    const endY = Math.min(height, corner[1] + window)
    const endX = Math.min(width, corner[2] + window)
    if (corner[0] < finished || endZ > finished + slots) {
      throw new RangeError(
        `A window at z = ${corner[0]} does not fit the slab of slices ${finished} to ${finished + slots - 1}.`,
      )
    }
    for (let z = corner[0]; z < endZ; z++) {
      for (let y = corner[1]; y < endY; y++) {
        const row = (z % slots) * planeSize + y * width
        let from = offset + ((z - corner[0]) * window + (y - corner[1])) * window * channels
        for (let voxel = row + corner[2]; voxel < row + endX; voxel++) {
          counts[voxel]!++
          const to = voxel * channels
          for (let channel = 0; channel < channels; channel++) sums[to + channel]! += values[from++]!
        }
      }
    }
  }

  function finishedThrough(z: number): FinishedPlane[] {
    const planes: FinishedPlane[] = []
    for (; finished < Math.min(z, depth); finished++) {
      const first = (finished % slots) * planeSize
      planes.push({ z: finished, values: meanPlane(first) })
      sums.fill(0, first * channels, (first + planeSize) * channels)
      counts.fill(0, first, first + planeSize)
    }
    return planes
  }

  function meanPlane(first: number): Float32Array<ArrayBuffer> {
    const values = new Float32Array(planeSize * channels)
    for (let voxel = 0; voxel < planeSize; voxel++) {
      const count = counts[first + voxel]!
      if (count === 0) continue
      for (let index = voxel * channels; index < (voxel + 1) * channels; index++) {
        values[index] = sums[first * channels + index]! / count
      }
    }
    return values
  }

  return { add, finishedThrough }
}
