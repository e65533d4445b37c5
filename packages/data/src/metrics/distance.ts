import { boundingBox } from '../bounding-box.ts'
import { DataError } from '../errors.ts'
import { type Shape3, voxelCount } from '../image/volume.ts'
import { type Spacing, squaredDistanceTransform } from './distance-transform.ts'
import { sortedQuantile } from './quantile.ts'
import { surfaceVoxels } from './surface.ts'

/** Distances between two segmentations of one structure, all in mm. */
export interface SegmentationDistances {
  /** Mean of the two directed maximum distances over all voxels of the sets: the paper's Eq. (5). */
  readonly mhd: number
  /** Larger of the two directed maximum distances between the surfaces (Hausdorff distance). */
  readonly hd: number
  /** Larger of the two directed 95th percentiles between the surfaces. */
  readonly hd95: number
  /** 95th percentile of both directed lists of surface distances taken together. */
  readonly hd95Pooled: number
  /** Mean of the two directed mean surface distances: what the paper's Table 3 most likely shows. */
  readonly assd: number
}

const UNDEFINED_DISTANCES = allEqual(Number.NaN)
const ZERO_DISTANCES = allEqual(0)

/**
 * Distances between two binary masks on one grid (non-zero = inside).
 *
 * Two empty masks are 0 mm apart. When exactly one is empty no distance exists and all fields are NaN:
 * leave such a case out of means and count it. Throws DataError when a mask does not fit the shape.
 */
export function maskDistances(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
  shape: Shape3,
  spacing: Spacing,
): SegmentationDistances {
  return distancesOf(prediction, reference, shape, spacing, (label) => label !== 0)
}

/** {@link maskDistances} between the voxels that carry the class `label` in two label maps. */
export function classDistances(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
  label: number,
  shape: Shape3,
  spacing: Spacing,
): SegmentationDistances {
  return distancesOf(prediction, reference, shape, spacing, (value) => value === label)
}

function distancesOf(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
  shape: Shape3,
  spacing: Spacing,
  inside: (label: number) => boolean,
): SegmentationDistances {
  for (const map of [prediction, reference]) {
    if (map.length !== voxelCount(shape)) {
      throw new DataError(
        `Distances: a map of ${map.length} voxels does not fit the grid ${shape.join(' x ')}.`,
      )
    }
  }
  const box = boxAroundBoth(prediction, reference, shape, inside)
  if (box === undefined) return ZERO_DISTANCES
  const a = cutMask(prediction, shape, box, inside)
  const b = cutMask(reference, shape, box, inside)
  if (!a.includes(1) || !b.includes(1)) return UNDEFINED_DISTANCES

  const surfaceA = surfaceVoxels(a, box.shape)
  const surfaceB = surfaceVoxels(b, box.shape)
  const toA = squaredDistanceTransform(surfaceA, box.shape, spacing)
  const toB = squaredDistanceTransform(surfaceB, box.shape, spacing)
  const aToB = distancesAt(surfaceA, toB)
  const bToA = distancesAt(surfaceB, toA)
  return {
    // For a voxel outside a set, the nearest voxel of the set always lies on its surface, so the
    // transforms of the surfaces serve Eq. (5) as well.
    mhd: (farthestOutside(a, b, toB) + farthestOutside(b, a, toA)) / 2,
    hd: Math.max(aToB.at(-1)!, bToA.at(-1)!),
    hd95: Math.max(sortedQuantile(aToB, 0.95), sortedQuantile(bToA, 0.95)),
    hd95Pooled: sortedQuantile(pool(aToB, bToA), 0.95),
    assd: (mean(aToB) + mean(bToA)) / 2,
  }
}

/** A part of a grid: its first voxel and its size. */
interface Box {
  readonly start: Shape3
  readonly shape: Shape3
}

/** Smallest box around both structures: nothing outside it can change a distance, and it is often small. */
function boxAroundBoth(
  prediction: ArrayLike<number>,
  reference: ArrayLike<number>,
  shape: Shape3,
  inside: (label: number) => boolean,
): Box | undefined {
  const box = boundingBox(shape, (voxel) => inside(prediction[voxel]!) || inside(reference[voxel]!))
  if (box === undefined) return undefined
  const { low, high } = box
  const size = (axis: 0 | 1 | 2) => high[axis] - low[axis] + 1
  return { start: low, shape: [size(0), size(1), size(2)] }
}

/** The part of a map inside the box as a mask of 0 and 1. */
function cutMask(
  map: ArrayLike<number>,
  shape: Shape3,
  box: Box,
  inside: (label: number) => boolean,
): Uint8Array {
  const [bx, by, bz] = box.shape
  const mask = new Uint8Array(voxelCount(box.shape))
  let i = 0
  for (let z = 0; z < bz; z++) {
    for (let y = 0; y < by; y++) {
      const row = box.start[0] + shape[0] * (box.start[1] + y + shape[1] * (box.start[2] + z))
      for (let x = 0; x < bx; x++, i++) mask[i] = inside(map[row + x]!) ? 1 : 0
    }
  }
  return mask
}

/** Distances at the marked voxels, ascending. */
function distancesAt(marked: Uint8Array, squared: Float64Array): Float64Array {
  const distances: number[] = []
  for (let i = 0; i < marked.length; i++) if (marked[i]) distances.push(Math.sqrt(squared[i]!))
  return Float64Array.from(distances).sort()
}

/** Largest distance from a voxel of `from` to the set `to`; voxels in both are at distance 0. */
function farthestOutside(from: Uint8Array, to: Uint8Array, squaredToSurface: Float64Array): number {
  let farthest = 0
  for (let i = 0; i < from.length; i++) {
    if (from[i] && !to[i] && squaredToSurface[i]! > farthest) farthest = squaredToSurface[i]!
  }
  return Math.sqrt(farthest)
}

function pool(a: Float64Array, b: Float64Array): Float64Array {
  const both = new Float64Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both.sort()
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function allEqual(value: number): SegmentationDistances {
  return { mhd: value, hd: value, hd95: value, hd95Pooled: value, assd: value }
}
