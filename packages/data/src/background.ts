import { type Volume, voxelCount } from './image/volume.ts'
import { connectedComponents } from './trust/components.ts'

/** What an image holds where nothing of the patient is. */
export interface Background {
  readonly value: number
  /** Values that differ by no more than this are equal but for rounding. */
  readonly tolerance: number
  /** How far an interpolation makes values swing around the background on the border; 0 where they are equal. */
  readonly ripple: number
  /** Share of the border of the field of view that holds it, 0 to 1. */
  readonly share: number
}

/** Less of the border with one value is no background: the slices of a thick slab leave more than this. */
export const LEAST_BACKGROUND = 0.5

/**
 * Of the mean deviation of an image: beyond it lies all rounding of float32, and the step between two values of 16 bits
 * is larger.
 */
const ROUNDING = 1e-5
/** Of the mean deviation: what is left of the swings of an interpolation where the field of view ends. */
const LARGEST_RIPPLE = 0.05
/** Swings go both ways; the noise of a magnitude image does not. */
const BOTH_WAYS = 0.1
/** Of the border that swings, as some of it may be tissue. */
const SWINGS_COUNTED = 0.99

/**
 * The value around the brain: the most frequent one on the border of the field of view. It need not be 0: a slope and an
 * intercept, or a z-score of the whole volume, move it.
 *
 * `volume` holds finite numbers. In an image whose skull is not stripped `share` is small, as noise has many values.
 */
export function findBackground(volume: Volume): Background {
  const border = borderValues(volume).sort()
  const spread = meanDeviation(volume.data)
  const tolerance = ROUNDING * spread
  const { value, count } = mostFrequent(border, tolerance)
  const share = count / border.length
  if (share >= LEAST_BACKGROUND) return { value, tolerance, ripple: 0, share }
  const middle = border[border.length >> 1]!
  const swings = border.map((other) => Math.abs(other - middle)).sort()
  const ripple = swings[Math.floor(SWINGS_COUNTED * (swings.length - 1))]!
  const below = border.filter((other) => other < 0).length / border.length
  const swinging = below > BOTH_WAYS && below < 1 - BOTH_WAYS && ripple <= LARGEST_RIPPLE * spread
  return swinging
    ? { value: middle, tolerance, ripple, share: SWINGS_COUNTED }
    : { value, tolerance, ripple: 0, share }
}

/** Voxels below the background whose mean depth is this share of the mean height above it are tissue. */
const TWO_SIDED = 0.2
/** Fewer voxels below the background are chance, not the swings of an interpolation. */
const SWINGING = 0.01
/** The next swing outwards is smaller than the first, by the interpolations that are in use. */
const NEXT_SWING = 0.5

/**
 * 1 where an image is not background, else 0, in the order of the voxels.
 *
 * Without values below the background it is everything above. Where tissue has values below (z-scores, inverted
 * contrast) it is everything that differs, and holes that the border cannot be reached from belong to it: in the middle of
 * the tissues' range a voxel can have the value of the background by chance. Where an interpolation swings below at the
 * edges, voxels as weak as its swings count as background if the border can be reached through them.
 */
export function outsideBackground(volume: Volume, { value, tolerance, ripple }: Background): Uint8Array {
  const { data } = volume
  const sides = { below: 0, above: 0, depth: 0, height: 0 }
  for (const other of data) {
    const difference = other - value
    if (difference > tolerance) {
      sides.above++
      sides.height += difference
    } else if (difference < -tolerance) {
      sides.below++
      sides.depth -= difference
    }
  }
  const { below, above, depth, height } = sides
  if (below === 0) return maskOf(data, (other) => other - value > tolerance)
  const twoSided = depth / below > (TWO_SIDED * height) / Math.max(1, above)
  if (twoSided) {
    const near = maskOf(data, (other) => Math.abs(other - value) <= tolerance)
    const around = reachedFromBorder(near, volume)
    return around.map((reached) => 1 - reached)
  }
  const swing =
    below > SWINGING * (below + above) ? NEXT_SWING * deepest(data, value - tolerance, value, below) : 0
  // Nearer to the brain the swings are larger than on the border.
  const weakest = Math.max(tolerance, swing, 2 * ripple)
  const dark = maskOf(data, (other) => other - value <= weakest)
  const around = reachedFromBorder(dark, volume)
  return around.map((reached, voxel) => (reached > 0 || Math.abs(data[voxel]! - value) <= tolerance ? 0 : 1))
}

/** 1 where a value passes, else 0. */
export function maskOf(values: Float32Array | Int32Array, passes: (value: number) => boolean): Uint8Array {
  const mask = new Uint8Array(values.length)
  for (let voxel = 0; voxel < values.length; voxel++) if (passes(values[voxel]!)) mask[voxel] = 1
  return mask
}

/** Depth below `value` that one in two hundred of the `count` voxels below `limit` exceeds. */
function deepest(data: Float32Array, limit: number, value: number, count: number): number {
  const depths = new Float32Array(count)
  let next = 0
  for (const other of data) if (other < limit) depths[next++] = value - other
  depths.sort()
  return depths[Math.floor(0.995 * (count - 1))]!
}

/** 1 where a mask can be reached from the border of the field of view through faces of its voxels, else 0. */
function reachedFromBorder(mask: Uint8Array, { shape }: Volume): Uint8Array {
  const { labels, sizes } = connectedComponents(mask, shape)
  const reached = new Uint8Array(sizes.length + 1)
  forEachBorderVoxel(shape, (voxel) => {
    if (labels[voxel]! > 0) reached[labels[voxel]!] = 1
  })
  return maskOf(labels, (label) => reached[label]! > 0)
}

function borderValues({ shape, data }: Volume): Float32Array {
  const [nx, ny, nz] = shape
  const inner = Math.max(0, nx - 2) * Math.max(0, ny - 2) * Math.max(0, nz - 2)
  const values = new Float32Array(voxelCount(shape) - inner)
  let next = 0
  forEachBorderVoxel(shape, (voxel) => {
    values[next++] = data[voxel]!
  })
  return values
}

/** Calls `visit` once with every voxel on the six faces of a volume. */
export function forEachBorderVoxel([nx, ny, nz]: Volume['shape'], visit: (voxel: number) => void): void {
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const whole = z === 0 || z === nz - 1 || y === 0 || y === ny - 1
      const step = whole ? 1 : Math.max(1, nx - 1)
      for (let x = 0; x < nx; x += step) visit(x + nx * (y + ny * z))
    }
  }
}

/** The value around which most others lie within the tolerance, of ascending values. */
function mostFrequent(
  ascending: Float32Array,
  tolerance: number,
): { readonly value: number; readonly count: number } {
  let best = { start: 0, count: 0 }
  for (let start = 0, end = 0; end < ascending.length; end++) {
    while (ascending[end]! - ascending[start]! > tolerance) start++
    if (end - start + 1 > best.count) best = { start, count: end - start + 1 }
  }
  return { value: ascending[best.start + (best.count >> 1)]!, count: best.count }
}

function meanDeviation(data: Float32Array): number {
  let sum = 0
  for (const value of data) sum += value
  const mean = sum / data.length
  let deviation = 0
  for (const value of data) deviation += Math.abs(value - mean)
  return deviation / data.length
}
