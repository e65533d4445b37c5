import { DataError } from '../errors.ts'
import { type Shape3, voxelCount } from '../image/volume.ts'
import type { Spacing } from '../metrics/distance-transform.ts'
import { randomStream } from '../random.ts'

/** A ball that was planted into an image. */
export interface Lesion {
  /** Voxel indices x, y, z of its middle. */
  readonly centre: readonly [number, number, number]
  /** Diameter in mm; at this width the rim has half of the lesion's contrast. */
  readonly diameter: number
  /** What its core adds to the image, in units of the image: negative for a dark one. */
  readonly contrast: number
}

/** The same scan without and with the planted lesions. */
export interface PlantedPair {
  readonly clean: Float32Array
  readonly planted: Float32Array
}

/** What a normaliser did to planted lesions. */
export interface LesionRetention {
  /** For each lesion the share of its contrast that is left: 1 kept, 0 removed, negative turned round. */
  readonly retention: readonly number[]
  /**
   * Share of the brain farther than 5 mm from every lesion that changed because of them, by more than a quarter of the
   * brain's standard deviation; 0 when nothing is invented.
   */
  readonly invented: number
}

const SMALLEST = 3
const LARGEST = 10
/** Width of the soft rim in mm, about the blur of a scanner. */
const RIM = 1
/** Voxels beyond the rim that still belong to a lesion when nearby inventions are looked for, in mm. */
const MARGIN = 5
/** Places tried for each lesion before giving up: small volumes have room for few. */
const ATTEMPTS = 200
/** Change in standard deviations of the brain that counts as invented. */
const INVENTED = 0.25

/**
 * Plants balls of 3 to 10 mm diameter, in turn bright and dark, at random places of grey and white matter (`labels`,
 * internal classes), and gives back the new image and what was planted. The same seed plants the same.
 *
 * The contrast is 0.8 to 1.6 standard deviations of the brain, about that between two tissues, which is where
 * multiple sclerosis lesions and small infarcts lie. Rims are soft over 1 mm, lesions keep 5 mm from each other, and
 * only voxels of the mask change. Where no room is left there are fewer lesions than `count`.
 * Throws DataError when sizes differ or no voxel is grey or white matter.
 */
export function plantLesions(
  image: Float32Array,
  mask: Uint8Array,
  labels: Uint8Array,
  shape: Shape3,
  spacing: Spacing,
  { seed, count = 6 }: { readonly seed: number; readonly count?: number },
): { image: Float32Array; lesions: Lesion[] } {
  const voxels = voxelCount(shape)
  if ([image.length, mask.length, labels.length].some((length) => length !== voxels)) {
    throw new DataError(`Lesions: image, mask and labels do not all have the grid ${shape.join(' x ')}.`)
  }
  const places: number[] = []
  for (let i = 0; i < voxels; i++) if (mask[i] && labels[i]! >= 2) places.push(i)
  if (places.length === 0)
    throw new DataError('Lesions: the labels have no grey or white matter to plant into.')

  const deviation = brainDeviation(image, mask)
  const lesions: Lesion[] = []
  for (let number = 0; number < count; number++) {
    const random = randomStream(seed, 'lesion', number)
    const diameter = SMALLEST + (LARGEST - SMALLEST) * random.uniform()
    const contrast = (number % 2 === 0 ? 1 : -1) * (0.8 + 0.8 * random.uniform()) * deviation
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const voxel = places[random.integer(places.length)]!
      const centre = [
        voxel % shape[0],
        Math.floor(voxel / shape[0]) % shape[1],
        Math.floor(voxel / (shape[0] * shape[1])),
      ] as const
      const isFree = lesions.every(
        (other) => distance(centre, other.centre, spacing) > (diameter + other.diameter) / 2 + MARGIN,
      )
      if (!isFree) continue
      lesions.push({ centre, diameter, contrast })
      break
    }
  }

  const planted = image.slice()
  for (const lesion of lesions) {
    forBall(lesion, lesion.diameter / 2 + RIM, shape, spacing, (voxel, radius) => {
      if (mask[voxel]) planted[voxel]! += lesion.contrast * profile(radius, lesion.diameter)
    })
  }
  return { image: planted, lesions }
}

/**
 * How much of planted lesions a normaliser left, and what it changed elsewhere because of them.
 *
 * `before` are its two inputs, `after` its two outputs, all on one grid. Each pair is divided by the standard
 * deviation of its clean brain, then the retention of a lesion is the mean difference after over the mean difference
 * before within its radius. NaN for a lesion that left no trace in `before`. Throws DataError when sizes differ.
 */
export function lesionRetention(
  before: PlantedPair,
  after: PlantedPair,
  lesions: readonly Lesion[],
  mask: Uint8Array,
  shape: Shape3,
  spacing: Spacing,
): LesionRetention {
  const voxels = voxelCount(shape)
  if ([before.clean, before.planted, after.clean, after.planted, mask].some((a) => a.length !== voxels)) {
    throw new DataError(`Lesions: the images do not all have the grid ${shape.join(' x ')}.`)
  }
  const unitBefore = brainDeviation(before.clean, mask)
  const unitAfter = brainDeviation(after.clean, mask)
  const nearLesion = new Uint8Array(voxels)
  const retention = lesions.map((lesion) => {
    let changeBefore = 0
    let changeAfter = 0
    forBall(lesion, lesion.diameter / 2 + MARGIN, shape, spacing, (voxel, radius) => {
      nearLesion[voxel] = 1
      if (!mask[voxel] || radius > lesion.diameter / 2) return
      changeBefore += (before.planted[voxel]! - before.clean[voxel]!) / unitBefore
      changeAfter += (after.planted[voxel]! - after.clean[voxel]!) / unitAfter
    })
    return changeAfter / changeBefore
  })
  let invented = 0
  let elsewhere = 0
  for (let i = 0; i < voxels; i++) {
    if (!mask[i] || nearLesion[i]) continue
    elsewhere++
    if (Math.abs(after.planted[i]! - after.clean[i]!) > INVENTED * unitAfter) invented++
  }
  return { retention, invented: invented / Math.max(1, elsewhere) }
}

/** 1 in the core, 0 beyond the rim, half at the radius, with a smooth step of the rim's width between. */
function profile(radius: number, diameter: number): number {
  const t = Math.min(1, Math.max(0, (diameter / 2 - radius) / RIM + 0.5))
  return t * t * (3 - 2 * t)
}

/** Visits the voxels whose centres are within `reach` mm of the lesion's middle, with their distance in mm. */
function forBall(
  { centre }: Lesion,
  reach: number,
  shape: Shape3,
  spacing: Spacing,
  visit: (voxel: number, radius: number) => void,
): void {
  const [nx, ny] = shape
  const low = centre.map((c, axis) => Math.max(0, Math.ceil(c - reach / spacing[axis]!)))
  const high = centre.map((c, axis) => Math.min(shape[axis]! - 1, Math.floor(c + reach / spacing[axis]!)))
  for (let z = low[2]!; z <= high[2]!; z++) {
    for (let y = low[1]!; y <= high[1]!; y++) {
      for (let x = low[0]!; x <= high[0]!; x++) {
        const radius = distance([x, y, z], centre, spacing)
        if (radius <= reach) visit(x + nx * (y + ny * z), radius)
      }
    }
  }
}

function distance(a: readonly number[], b: readonly number[], spacing: Spacing): number {
  return Math.hypot(...spacing.map((size, axis) => (a[axis]! - b[axis]!) * size))
}

/** Standard deviation in the mask, or 1 where nothing varies. */
function brainDeviation(image: Float32Array, mask: Uint8Array): number {
  let count = 0
  let mean = 0
  let squares = 0
  for (let i = 0; i < image.length; i++) {
    if (!mask[i]) continue
    count++
    const delta = image[i]! - mean
    mean += delta / count
    squares += delta * (image[i]! - mean)
  }
  return squares > 0 ? Math.sqrt(squares / count) : 1
}
