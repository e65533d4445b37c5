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
  const view = new DataView(bytes.buffer, bytes.byteOffset, layout.size)
  // A header begins with its own size, which tells the order of its bytes.
  const littleEndian = view.getInt32(0, true) === layout.size
  if (!littleEndian && view.getInt32(0, false) !== layout.size) {
    throw new DataError('This does not appear to be a NIfTI or Analyze file.', { file })
  }
  const read = (kind: NumberKind) => (at: number) => READERS[kind](view, at, littleEndian)
  const real = read(layout.real)
  const integer = read(layout.integer)
  const code = read(layout.code)
  const list = (value: (at: number) => number, count: number, at: number, bytesEach: number) =>
    Array.from({ length: count }, (_, index) => value(at + index * bytesEach))
  const reals = (count: number, at: number) => list(real, count, at, BYTES[layout.real])
  const [qfac, ...pixdim] = reals(8, layout.pixdim) as [number, ...number[]]
  return {
    littleEndian,
    dim: list(integer, 8, layout.dim, BYTES[layout.integer]),
    datatypeCode: read('int16')(layout.datatype),
    bitsPerVoxel: read('int16')(layout.bitsPerVoxel),
    pixdim,
    voxelOffset: read(layout.voxelOffset.kind)(layout.voxelOffset.at),
    slope: real(layout.slope),
    intercept: real(layout.slope + BYTES[layout.real]),
    units: read(layout.units.kind)(layout.units.at),
    intent: {
      code: code(layout.intentCode),
      name: textAt(bytes, layout.intentName, 16),
      parameters: reals(3, layout.intentParameters),
    },
    description: textAt(bytes, layout.description, 80),
    qform: {
      code: code(layout.qformCode),
      qfac,
      quaternion: reals(3, layout.quaternion) as [number, number, number],
      offset: reals(3, layout.quaternionOffset) as [number, number, number],
    },
    sform: { code: code(layout.sformCode), rows: reals(12, layout.matrix) },
  }
}

type NumberKind = 'uint8' | 'int16' | 'int32' | 'int64' | 'float32' | 'float64'

const READERS: Readonly<Record<NumberKind, (view: DataView, at: number, little: boolean) => number>> = {
  uint8: (view, at) => view.getUint8(at),
  int16: (view, at, little) => view.getInt16(at, little),
  int32: (view, at, little) => view.getInt32(at, little),
  int64: (view, at, little) => Number(view.getBigInt64(at, little)),
  float32: (view, at, little) => view.getFloat32(at, little),
  float64: (view, at, little) => view.getFloat64(at, little),
}

const BYTES: Readonly<Record<NumberKind, number>> = {
  uint8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  float32: 4,
  float64: 8,
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
