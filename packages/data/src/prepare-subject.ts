import { networkAxes, type Triple } from './axes.ts'
import { boundingBox } from './bounding-box.ts'
import { type BrainFinding, findBrain, type MaskFrom } from './brain-mask.ts'
import type { Subject } from './datasets/dataset.ts'
import { DataError } from './errors.ts'
import { assertSameGrid, assertUsableImage } from './image/check.ts'
import {
  type Affine,
  CLASSES,
  type Grid,
  type LabelVolume,
  type Shape3,
  type Volume,
  voxelCount,
} from './image/volume.ts'
import { moveToZero, type ZeroedImage } from './intensity-zero.ts'
import { type LabelConvention, type LabelSpecification, labelConvention, toInternal } from './labels.ts'
import { toRas } from './orientation.ts'
import { gridWithVoxelSize, resampleLinear } from './resample.ts'
import { SCALINGS, type Scaling, type Scalings, scaleIntensities } from './scaling.ts'

/** A volume with the name of its file, for messages. */
export interface NamedVolume {
  readonly file: string
  readonly volume: Volume
}

/** The decoded files of one subject; the images in the order of the channels. */
export interface SubjectVolumes {
  readonly images: readonly NamedVolume[]
  readonly label?: NamedVolume
  readonly mask?: NamedVolume
}

/** How {@link prepareSubject} makes a subject ready for the networks. */
export interface PrepareOptions {
  readonly scaling: Scaling
  /** What a scaling that learns, such as `nyul`, learnt of each channel from the training subjects. */
  readonly standardScale?: readonly (readonly number[])[]
  /** How to find the brain of subjects without a mask file; `auto` by default. */
  readonly maskFrom?: MaskFrom
  /** Wanted edge of a voxel in mm; without it voxels keep their size. */
  readonly voxelSize?: number
  /** Label numbers for subjects whose layout does not fix them; `bids` by default. */
  readonly labels?: LabelSpecification
  /** Cuts the volumes to the bounding box of the mask plus this many voxels; without it they stay whole. */
  readonly margin?: number
}

/** A subject on the networks' grid: nearest RAS order, axes D, H, W = z, y, x. */
export interface PreparedSubject {
  readonly id: string
  readonly site: string
  readonly shape: Triple
  readonly channels: number
  /** Scaled intensities [D, H, W, C], 0 outside the mask. */
  readonly image: Float32Array<ArrayBuffer>
  /** Internal classes [D, H, W], background outside the mask. */
  readonly label?: Uint8Array<ArrayBuffer>
  /** 1 in the brain, else 0, [D, H, W]. */
  readonly mask: Uint8Array<ArrayBuffer>
  /** From voxel indices (x, y, z) of this grid to RAS+ millimetres. */
  readonly affine: Affine
  /** How the brain was found, and how large it is on the grid of the files. */
  readonly brain: BrainFinding
  /** Sentences about what is odd in the files or doubtful in the mask, each with the name of its file in front. */
  readonly warnings: readonly string[]
}

/**
 * Takes a subject's volumes to the networks' grid: axes to the nearest RAS, voxels of `voxelSize` (images linear,
 * labels by the largest of the linearly resampled classes), skull strip by the mask, scale by one of `scalings`, crop.
 *
 * Where the brain is says {@link findBrain}, by the mask file or else the first image. Throws DataError that names the
 * file when the grids differ, labels are outside the convention, or an image cannot be used or is not skull-stripped.
 */
export function prepareSubject(
  subject: Pick<Subject, 'id' | 'site' | 'labels'>,
  volumes: SubjectVolumes,
  options: PrepareOptions,
  scalings: Scalings = SCALINGS,
): PreparedSubject {
  const reference = volumes.images[0]
  if (reference === undefined) throw new DataError(`The participant ${subject.id} has no image.`)
  assertUsable(volumes, reference)
  const convention = labelConvention(subject.labels ?? options.labels ?? 'bids')
  const place = placeOn(reference.volume, options.voxelSize)
  const { grid } = place

  const brain = findBrain(reference, volumes.mask, options.maskFrom ?? 'auto')
  const mask = place.classes(brain.mask)
  const { fromZero } = scalings[options.scaling]!
  const zeroed = volumes.images.map(
    ({ volume }): ZeroedImage => (fromZero ? moveToZero(volume, brain.mask) : volume),
  )
  const scaled = volumes.images.map(({ file }, channel) =>
    scaleIntensities(place.image(zeroed[channel]!.data), mask, options.scaling, {
      file,
      learnt: options.standardScale?.[channel],
      scalings,
    }),
  )
  const label = volumes.label && labelWithin(mask, place, volumes.label, convention)
  const box = options.margin === undefined ? wholeBox(grid) : brainBox(mask, grid, options.margin)
  return {
    id: subject.id,
    site: subject.site,
    shape: networkAxes(box.size),
    channels: scaled.length,
    image: interleave(scaled, grid, box),
    ...(label === undefined ? {} : { label: cut(label, grid, box) }),
    mask: cut(mask, grid, box),
    affine: shiftAffine(grid.affine, box.start),
    brain: brain.finding,
    warnings: [
      ...headerWarnings(volumes),
      ...brain.warnings.map((warning) => `${(volumes.mask ?? reference).file}: ${warning}`),
      ...volumes.images.flatMap(({ file }, channel) => {
        const { warning } = zeroed[channel]!
        return warning === undefined ? [] : [`${file}: ${warning}`]
      }),
    ],
  }
}

/** What the readers found odd in the headers of a subject's files, each sentence with the name of the file in front. */
export function headerWarnings({ images, label, mask }: SubjectVolumes): string[] {
  return [...images, label, mask].flatMap((named) =>
    named === undefined ? [] : named.volume.header.warnings.map((warning) => `${named.file}: ${warning}`),
  )
}

/**
 * Resamples a map of internal classes: each class as a map of 0 and 1, linearly, then the largest.
 * Ties go to the lower class; outside the source is background.
 */
export function resampleClasses(labels: LabelVolume, target: Grid): LabelVolume {
  const { shape, affine, header } = labels
  const count = voxelCount(target.shape)
  const best = new Float32Array(count)
  const data = new Uint8Array(count)
  CLASSES.forEach((_, label) => {
    const indicator = new Float32Array(labels.data.length)
    for (let voxel = 0; voxel < indicator.length; voxel++)
      indicator[voxel] = labels.data[voxel] === label ? 1 : 0
    const share = resampleLinear({ shape, affine, header, data: indicator }, target).data
    for (let voxel = 0; voxel < count; voxel++) {
      if (share[voxel]! <= best[voxel]!) continue
      best[voxel] = share[voxel]!
      data[voxel] = label
    }
  })
  return { shape: target.shape, affine: target.affine, header, data }
}

function assertUsable({ images, label, mask }: SubjectVolumes, reference: NamedVolume): void {
  for (const { file, volume } of images) assertUsableImage(volume, file)
  for (const other of [...images, label, mask]) {
    if (other !== undefined) assertSameGrid(reference.volume, other.volume, reference.file, other.file)
  }
}

/** Ways from the stored grid of a subject to the networks' grid. */
interface Place {
  readonly grid: Grid
  image(stored: Float32Array): Float32Array
  classes(stored: Uint8Array): Uint8Array
}

/** All files of a subject count as lying exactly on the grid of the first image. */
function placeOn(reference: Volume, voxelSize: number | undefined): Place {
  const { shape, affine, header } = reference
  const ras = toRas(reference).volume
  const grid = voxelSize === undefined ? ras : gridWithVoxelSize(ras, voxelSize)
  return {
    grid,
    image: (stored) => {
      const { volume } = toRas({ shape, affine, header, data: stored })
      return grid === ras ? volume.data : resampleLinear(volume, grid).data
    },
    classes: (stored) => {
      const { volume } = toRas({ shape, affine, header, data: stored })
      return grid === ras ? volume.data : resampleClasses(volume, grid).data
    },
  }
}

function labelWithin(
  mask: Uint8Array,
  place: Place,
  { file, volume }: NamedVolume,
  convention: LabelConvention,
): Uint8Array {
  const labels = place.classes(toInternal(volume.data, convention, file))
  return labels.map((label, voxel) => (mask[voxel]! > 0 ? label : 0))
}

/** A box of voxels: first voxel and size along x, y, z. */
interface Box {
  readonly start: Shape3
  readonly size: Shape3
}

function wholeBox(grid: Grid): Box {
  return { start: [0, 0, 0], size: grid.shape }
}

function brainBox(mask: Uint8Array, grid: Grid, margin: number): Box {
  const { shape } = grid
  const found = boundingBox(shape, (voxel) => mask[voxel] !== 0)
  if (found === undefined) return wholeBox(grid)
  const start = found.low.map((position) => Math.max(0, position - margin))
  const size = found.high.map(
    (position, axis) => Math.min(shape[axis]! - 1, position + margin) + 1 - start[axis]!,
  )
  return { start: start as unknown as Shape3, size: size as unknown as Shape3 }
}

/** Calls `copy` for every row of the box with its first voxel in the grid and in the box. */
function forEachRow({ shape }: Grid, { start, size }: Box, copy: (from: number, to: number) => void): void {
  const [nx, ny] = shape
  for (let z = 0; z < size[2]; z++) {
    for (let y = 0; y < size[1]; y++) {
      copy(start[0] + nx * (start[1] + y + ny * (start[2] + z)), size[0] * (y + size[1] * z))
    }
  }
}

function cut(data: Uint8Array, grid: Grid, box: Box): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(voxelCount(box.size))
  forEachRow(grid, box, (from, to) => result.set(data.subarray(from, from + box.size[0]), to))
  return result
}

/** Images of one box as [D, H, W, C]. */
function interleave(images: readonly Float32Array[], grid: Grid, box: Box): Float32Array<ArrayBuffer> {
  const channels = images.length
  const result = new Float32Array(voxelCount(box.size) * channels)
  images.forEach((image, channel) => {
    forEachRow(grid, box, (from, to) => {
      for (let x = 0; x < box.size[0]; x++) result[(to + x) * channels + channel] = image[from + x]!
    })
  })
  return result
}

function shiftAffine(affine: Affine, [x, y, z]: Shape3): Affine {
  return affine.map((value, index) => {
    if (index % 4 !== 3 || index === 15) return value
    return value + affine[index - 3]! * x + affine[index - 2]! * y + affine[index - 1]! * z
  })
}
