import { DataError } from '../errors.ts'
import type { FORMATS } from './formats.ts'
import { headerForAffine } from './geometry.ts'

/**
 * Number of voxels along x, y and z: the first is the one that varies fastest in memory. `order` is never stored: with
 * it the compiler refuses the network's z, y, x (`Triple`) in its place.
 */
export type Shape3 = readonly [number, number, number] & { readonly order?: 'xyz' }

/** A 4 x 4 matrix in row-major order that takes voxel indices to world millimetres (x right, y front, z up). */
export type Affine = readonly number[]

/** One NIfTI header extension; `data` is its content without the eight bytes of size and code. */
export interface HeaderExtension {
  readonly code: number
  readonly data: Uint8Array
}

/** The `qform` fields of a NIfTI header as stored, so that a writer can give them back to the bit. */
export interface QuaternionForm {
  readonly code: number
  /** Sign of the third axis, normally -1 or 1 (`pixdim[0]`). */
  readonly qfac: number
  /** Quaternion parameters b, c and d. */
  readonly quaternion: readonly [number, number, number]
  /** Translation in the header's own spatial unit. */
  readonly offset: readonly [number, number, number]
}

/** The `sform` fields of a NIfTI header as stored: rows x, y and z of the matrix. */
export interface MatrixForm {
  readonly code: number
  /** Twelve numbers, row-major, in the header's own spatial unit. */
  readonly rows: readonly number[]
}

/** Formats that can be read, and `none`. */
export type ImageFormat = keyof typeof FORMATS | 'none'

/**
 * Everything besides the voxels that a writer needs to give an output the geometry of its input.
 *
 * It always describes the same grid as the affine of its volume: a function that changes the grid makes a new header.
 */
export interface ImageHeader {
  /** Where the header came from; `none` when it was made in memory. */
  readonly format: ImageFormat
  /** Stored voxel type in NIfTI's words, for example `int16`. */
  readonly datatype: string
  /** `pixdim[1..7]` as stored. */
  readonly pixdim: readonly number[]
  readonly qform: QuaternionForm
  readonly sform: MatrixForm
  /** The byte `xyzt_units` as stored (2 = mm). */
  readonly units: number
  readonly intent: { readonly code: number; readonly name: string; readonly parameters: readonly number[] }
  readonly description: string
  readonly extensions: readonly HeaderExtension[]
  /** Sentences about what is odd in the header, for example two orientations that disagree. */
  readonly warnings: readonly string[]
}

/** A voxel grid in the world: the part that images, labels and resampling targets share. */
export interface Grid {
  readonly shape: Shape3
  readonly affine: Affine
}

/** A scalar image. `data` has x fastest: index = x + nx * (y + ny * z). */
export interface Volume extends Grid {
  readonly data: Float32Array
  readonly header: ImageHeader
}

/** Either kind of volume, for functions that only move voxels around. */
export type AnyVolume = Volume | LabelVolume

/** A map of integer labels on a grid, in the same memory order as {@link Volume}. */
export interface LabelVolume extends Grid {
  readonly data: Uint8Array
  readonly header: ImageHeader
}

/** Names of the tissue classes in the order used everywhere inside: the index is the label. */
export const CLASSES = ['BG', 'CSF', 'GM', 'WM'] as const

/** The affine that maps index (i, j, k) to (i, j, k) mm. */
export const IDENTITY_AFFINE: Affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]

/** Number of voxels in a shape. */
export function voxelCount(shape: Shape3): number {
  return shape[0] * shape[1] * shape[2]
}

/**
 * Makes a {@link Volume} from voxels, by default with the identity affine and a header made for the affine.
 *
 * `header` should belong to the same grid; give it to have the writer repeat the source's orientation fields.
 * Throws DataError when the number of voxels does not fit the shape.
 */
export function makeVolume(
  shape: Shape3,
  data: Float32Array,
  affine: Affine = IDENTITY_AFFINE,
  header: ImageHeader = headerForAffine(affine),
): Volume {
  assertVoxelCount(shape, data.length)
  return { shape, data, affine, header }
}

/** Makes a {@link LabelVolume} from label numbers; see {@link makeVolume}. */
export function makeLabelVolume(
  shape: Shape3,
  data: Uint8Array,
  affine: Affine = IDENTITY_AFFINE,
  header: ImageHeader = headerForAffine(affine),
): LabelVolume {
  assertVoxelCount(shape, data.length)
  return { shape, data, affine, header }
}

function assertVoxelCount(shape: Shape3, length: number): void {
  if (voxelCount(shape) === length) return
  throw new DataError(
    `A volume of shape ${shape.join(' x ')} needs ${voxelCount(shape)} voxels but got ${length}.`,
  )
}
