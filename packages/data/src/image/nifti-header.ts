import { NIFTI1, NIFTI2 } from 'nifti-reader-js'
import { DataError } from '../errors.ts'
import type { HeaderExtension, MatrixForm, QuaternionForm } from './volume.ts'

/**
 * Byte positions in the two kinds of header, and how they keep real numbers, sizes and codes.
 *
 * Fields that are not named here, such as slice timing, are about the acquisition and not about an output.
 */
export const NIFTI_LAYOUT = {
  nifti1: {
    size: 348,
    real: 'float32',
    integer: 'int16',
    code: 'int16',
    magic: { at: 344, bytes: [0x6e, 0x2b, 0x31, 0] },
    dim: 40,
    intentParameters: 56,
    intentCode: 68,
    datatype: 70,
    bitsPerVoxel: 72,
    pixdim: 76,
    voxelOffset: { at: 108, kind: 'float32' },
    slope: 112,
    units: { at: 123, kind: 'uint8' },
    displayMaximum: 124,
    displayMinimum: 128,
    description: 148,
    qformCode: 252,
    sformCode: 254,
    quaternion: 256,
    quaternionOffset: 268,
    matrix: 280,
    intentName: 328,
  },
  nifti2: {
    size: 540,
    real: 'float64',
    integer: 'int64',
    code: 'int32',
    magic: { at: 4, bytes: [0x6e, 0x2b, 0x32, 0, 0x0d, 0x0a, 0x1a, 0x0a] },
    dim: 16,
    intentParameters: 80,
    intentCode: 504,
    datatype: 12,
    bitsPerVoxel: 14,
    pixdim: 104,
    voxelOffset: { at: 168, kind: 'int64' },
    slope: 176,
    units: { at: 500, kind: 'int32' },
    displayMaximum: 192,
    displayMinimum: 200,
    description: 240,
    qformCode: 344,
    sformCode: 348,
    quaternion: 352,
    quaternionOffset: 376,
    matrix: 400,
    intentName: 508,
  },
} as const

/** The fields of a NIfTI-1, NIfTI-2 or Analyze header that an image needs, as stored. */
export interface NiftiFields {
  readonly littleEndian: boolean
  /** `dim[0]` to `dim[7]`. */
  readonly dim: readonly number[]
  readonly datatypeCode: number
  readonly bitsPerVoxel: number
  /** `pixdim[1]` to `pixdim[7]`. */
  readonly pixdim: readonly number[]
  readonly voxelOffset: number
  readonly slope: number
  readonly intercept: number
  readonly units: number
  readonly intent: { readonly code: number; readonly name: string; readonly parameters: readonly number[] }
  readonly description: string
  readonly qform: QuaternionForm
  readonly sform: MatrixForm
}

/**
 * Parses the fixed part of a NIfTI header (an Analyze header parses as `nifti1`).
 *
 * Throws DataError when the bytes end before the header does.
 */
export function parseNiftiFields(bytes: Uint8Array, format: 'nifti1' | 'nifti2', file: string): NiftiFields {
  const layout = NIFTI_LAYOUT[format]
  if (bytes.length < layout.size) {
    throw new DataError(
      `The file is cut off: it has ${bytes.length} of the ${layout.size} bytes of its header.`,
      {
        file,
        fix: 'copy or download the file again.',
      },
    )
  }
  // Given exactly the fixed part, the library leaves the extensions alone; it would trust their sizes.
  // A Node Buffer is a view into a pool and `slice` of it one more: only a copy begins where its memory begins.
  const fixed = new Uint8Array(bytes.subarray(0, layout.size)).buffer
  const parsed = format === 'nifti1' ? new NIFTI1() : new NIFTI2()
  parsed.readHeader(fixed)
  const view = new DataView(fixed)
  const little = parsed.littleEndian
  // The library's own affine holds only one of the two forms, so the matrix is read here.
  const rows = Array.from({ length: 12 }, (_, index) =>
    format === 'nifti1'
      ? view.getFloat32(layout.matrix + index * 4, little)
      : view.getFloat64(layout.matrix + index * 8, little),
  )
  return {
    littleEndian: little,
    dim: parsed.dims,
    datatypeCode: parsed.datatypeCode,
    bitsPerVoxel: parsed.numBitsPerVoxel,
    pixdim: parsed.pixDims.slice(1, 8),
    voxelOffset: parsed.vox_offset,
    slope: parsed.scl_slope,
    intercept: parsed.scl_inter,
    units: parsed.xyzt_units,
    intent: {
      code: parsed.intent_code,
      name: textAt(bytes, layout.intentName, 16),
      parameters: [parsed.intent_p1, parsed.intent_p2, parsed.intent_p3],
    },
    description: textAt(bytes, layout.description, 80),
    qform: {
      code: parsed.qform_code,
      qfac: parsed.pixDims[0]!,
      quaternion: [parsed.quatern_b, parsed.quatern_c, parsed.quatern_d],
      offset: [parsed.qoffset_x, parsed.qoffset_y, parsed.qoffset_z],
    },
    sform: { code: parsed.sform_code, rows },
  }
}

/**
 * Reads the header extensions between byte `start` (the four flag bytes) and byte `end`.
 *
 * Returns undefined when their sizes make no sense: an image is usable without them.
 */
export function parseExtensions(
  bytes: Uint8Array,
  start: number,
  end: number,
  littleEndian: boolean,
): HeaderExtension[] | undefined {
  const limit = Math.min(end, bytes.length)
  if (start + 4 > limit || bytes[start] === 0) return []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const extensions: HeaderExtension[] = []
  let position = start + 4
  while (position + 8 <= limit) {
    const size = view.getInt32(position, littleEndian)
    if (size < 8 || position + size > limit) return undefined
    const code = view.getInt32(position + 4, littleEndian)
    extensions.push({ code, data: new Uint8Array(bytes.subarray(position + 8, position + size)) })
    position += size
  }
  return extensions
}

/** Text up to the first NUL; what follows it in a fixed field is left over from earlier uses of the memory. */
function textAt(bytes: Uint8Array, start: number, length: number): string {
  const field = bytes.subarray(start, start + length)
  const end = field.indexOf(0)
  return String.fromCharCode(...field.subarray(0, end < 0 ? length : end))
}
