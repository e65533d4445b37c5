import { spansSpace } from '../affine.ts'
import { DataError } from '../errors.ts'
import type { Format } from './format.ts'
import { headerForAffine, withAlignedForms } from './geometry.ts'
import { refuseOverlay, refuseTooLarge } from './not-volumes.ts'
import type { Affine, Shape3, Volume } from './volume.ts'
import { decodeVoxels, type VoxelType } from './voxels.ts'

const VOXEL_TYPES: Readonly<Record<number, VoxelType>> = {
  0: 'uint8',
  1: 'int32',
  3: 'float32',
  4: 'int16',
  10: 'uint16',
}

const HEADER_SIZE = 284

/** FreeSurfer's axes for a file without orientation: coronal slices, x right to left, y down, z forwards. */
const CORONAL = [-1, 0, 0, 0, 0, -1, 0, 1, 0]

/** Whether the bytes begin like an MGH file: version 1, then plausible dimensions. */
function isMgh(bytes: Uint8Array): boolean {
  if (bytes.length < 24) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const type = view.getInt32(20)
  return (
    view.getInt32(0) === 1 && [4, 8, 12, 16].every((at) => view.getInt32(at) > 0) && type >= 0 && type < 16
  )
}

/**
 * Reads an uncompressed MGH file (FreeSurfer's format, always big-endian).
 *
 * Throws DataError with `file` for several frames, unusable types or axes, and files that are cut off.
 */
function readMgh(bytes: Uint8Array, file: string): Volume {
  if (bytes.length < HEADER_SIZE) {
    throw new DataError(
      `The file is cut off: it has ${bytes.length} of the ${HEADER_SIZE} bytes of its header.`,
      {
        file,
        fix: 'copy or download the file again.',
      },
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const shape: Shape3 = [view.getInt32(4), view.getInt32(8), view.getInt32(12)]
  const frames = view.getInt32(16)
  refuseOverlay(shape, file)
  if (frames !== 1) {
    throw new DataError(
      `The image holds ${frames} volumes (${shape.join(' x ')} x ${frames}) instead of one.`,
      {
        file,
        fix: 'split it and give the one volume that is meant.',
      },
    )
  }
  refuseTooLarge(shape, file)
  const type = VOXEL_TYPES[view.getInt32(20)]
  if (type === undefined) {
    throw new DataError(`The header gives the unusable voxel type ${view.getInt32(20)}.`, {
      file,
      fix: 'convert the image to int16 or float32.',
    })
  }
  const affine = mghAffine(view, shape)
  if (!spansSpace(affine)) {
    throw new DataError('The header does not describe a grid in space: its axes are flat or not finite.', {
      file,
      fix: 'convert the scan again.',
    })
  }
  const layout = { shape, type, offset: HEADER_SIZE, littleEndian: false, slope: 1, intercept: 0 }
  const data = decodeVoxels(bytes, layout, file)
  const placed = headerForAffine(affine)
  // Without the flag, NIfTI's readers would place the output otherwise than FreeSurfer's the input: the forms are needed.
  const header = hasOrientation(view)
    ? placed
    : {
        ...withAlignedForms(placed),
        warnings: [
          'The header stores no orientation; coronal slices of 1 mm are assumed, as FreeSurfer does.',
        ],
      }
  return { shape, data, affine, header: { ...header, format: 'mgh', datatype: type } }
}

const hasOrientation = (view: DataView): boolean => view.getInt16(28) > 0

/** The header gives voxel sizes, directions (by column) and the world position of index `shape / 2`. */
function mghAffine(view: DataView, shape: Shape3): Affine {
  const float = (index: number) => view.getFloat32(30 + index * 4)
  const oriented = hasOrientation(view)
  const size = (axis: number) => (oriented ? float(axis) : 1)
  const direction = (row: number, axis: number) =>
    oriented ? float(3 + axis * 3 + row) : CORONAL[axis * 3 + row]!
  const rows = [0, 1, 2].map((row) => {
    const columns = [0, 1, 2].map((axis) => direction(row, axis) * size(axis))
    const centre = oriented ? float(12 + row) : 0
    const fromCentre = columns.reduce((sum, value, axis) => sum + (value * shape[axis]!) / 2, 0)
    return [...columns, centre - fromCentre]
  })
  return [...rows.flat(), 0, 0, 0, 1]
}

/** FreeSurfer's format, `.mgz` when it is compressed. */
export const mgh: Format = {
  title: 'MGH',
  endings: ['.mgh', '.mgz'],
  recognise: (header) => (isMgh(header) ? 'single' : undefined),
  read: ({ header }, file) => readMgh(header, file),
}
