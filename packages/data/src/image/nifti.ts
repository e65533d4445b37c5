import { DataError } from '../errors.ts'
import { chooseAffine, headerForAffine } from './geometry.ts'
import { NIFTI_LAYOUT, type NiftiFields, parseExtensions, parseNiftiFields } from './nifti-header.ts'
import type { ImageHeader, Shape3, Volume } from './volume.ts'
import { bytesPerVoxel, decodeVoxels, type VoxelType } from './voxels.ts'

const VOXEL_TYPES: Readonly<Record<number, VoxelType>> = {
  2: 'uint8',
  4: 'int16',
  8: 'int32',
  16: 'float32',
  64: 'float64',
  256: 'int8',
  512: 'uint16',
  768: 'uint32',
  1024: 'int64',
  1280: 'uint64',
}

const UNUSABLE_TYPES: Readonly<Record<number, string>> = {
  1: 'single bits',
  32: 'complex numbers',
  128: 'RGB colours',
  1536: '128-bit floats',
  1792: 'complex numbers',
  2048: 'complex numbers',
  2304: 'RGBA colours',
}

/** An image in NIfTI or Analyze form: one file, or a header and a file of voxels. */
export interface NiftiBytes {
  readonly format: 'nifti1' | 'nifti2' | 'analyze'
  readonly header: Uint8Array
  readonly voxels: Uint8Array
  /** Whether header and voxels are in one file. */
  readonly single: boolean
}

/**
 * Reads an uncompressed NIfTI-1, NIfTI-2 or Analyze 7.5 image.
 *
 * Throws DataError with `file` for anything that is not one volume of real numbers on a grid in space.
 */
export function readNifti(source: NiftiBytes, file: string): Volume {
  const version = source.format === 'nifti2' ? 'nifti2' : 'nifti1'
  const fields = parseNiftiFields(source.header, version, file)
  const shape = singleVolumeShape(fields.dim, file)
  const type = voxelType(fields.datatypeCode, file)
  const headerSize = NIFTI_LAYOUT[version].size
  const offset = voxelOffset(fields.voxelOffset, source.single ? headerSize + 4 : 0, file)
  // A slope of 0 means "not scaled" by the standard; NaN and infinity come from broken writers and mean the same.
  const scaled = Number.isFinite(fields.slope) && fields.slope !== 0
  const slope = scaled ? fields.slope : 1
  const intercept = scaled && Number.isFinite(fields.intercept) ? fields.intercept : 0
  const layout = { shape, type, offset, littleEndian: fields.littleEndian, slope, intercept }
  const data = decodeVoxels(source.voxels, layout, file)
  const warnings: string[] = []
  if (fields.bitsPerVoxel !== 8 * bytesPerVoxel(type)) {
    warnings.push(
      `The header says ${fields.bitsPerVoxel} bits per voxel but its type ${type} has ${8 * bytesPerVoxel(type)}.`,
    )
  }
  if (source.format === 'analyze') return analyzeVolume(fields, shape, type, data, warnings, file)

  const end = source.single ? offset : source.header.length
  const extensions = parseExtensions(source.header, headerSize, end, fields.littleEndian)
  if (extensions === undefined) warnings.push('The header extensions are damaged and were left out.')
  const unit = fields.units & 7
  if (unit === 1 || unit === 3) {
    warnings.push(
      `The header gives its unit as ${unit === 1 ? 'metres' : 'micrometres'}; its numbers are used as millimetres.`,
    )
  }
  const { affine, warnings: oddities } = chooseAffine({ ...fields, shape }, file)
  const header: ImageHeader = {
    format: source.format,
    datatype: type,
    pixdim: fields.pixdim,
    qform: fields.qform,
    sform: fields.sform,
    units: fields.units,
    intent: fields.intent,
    description: fields.description,
    extensions: extensions ?? [],
    warnings: [...warnings, ...oddities],
  }
  return { shape, data, affine, header }
}

/** Analyze has no orientation: the bytes where NIfTI keeps its forms mean something else there. */
function analyzeVolume(
  fields: NiftiFields,
  shape: Shape3,
  type: VoxelType,
  data: Float32Array,
  warnings: readonly string[],
  file: string,
): Volume {
  const unknown = { qform: { ...fields.qform, code: 0 }, sform: { ...fields.sform, code: 0 } }
  const { affine, warnings: oddities } = chooseAffine({ shape, pixdim: fields.pixdim, ...unknown }, file)
  const header = headerForAffine(affine)
  return {
    shape,
    data,
    affine,
    header: { ...header, format: 'analyze', datatype: type, warnings: [...warnings, ...oddities] },
  }
}

function singleVolumeShape(dim: readonly number[], file: string): Shape3 {
  const dimensions = dim[0]!
  const sizes = dim.slice(1, 1 + dimensions)
  if (dimensions < 1 || dimensions > 7 || sizes.some((size) => size < 1)) {
    throw new DataError(`The header gives impossible dimensions: ${dim.slice(0, 8).join(', ')}.`, {
      file,
      fix: 'repair the header or convert the scan again.',
    })
  }
  if (dimensions < 3) {
    throw new DataError(
      `The image has ${dimensions} dimensions (${sizes.join(' x ')}) but a volume needs three.`,
      {
        file,
        fix: 'stack the slices into one volume.',
      },
    )
  }
  const volumes = sizes.slice(3).reduce((product, size) => product * size, 1)
  if (volumes !== 1) {
    throw new DataError(
      `The image holds ${volumes} volumes or components per voxel (${sizes.join(' x ')}) instead of one.`,
      {
        file,
        fix: 'split it and give the one volume that is meant.',
      },
    )
  }
  return [sizes[0]!, sizes[1]!, sizes[2]!]
}

function voxelType(code: number, file: string): VoxelType {
  const type = VOXEL_TYPES[code]
  if (type !== undefined) return type
  const content = UNUSABLE_TYPES[code]
  throw new DataError(
    content === undefined
      ? `The header gives the unknown voxel type ${code}.`
      : `The voxels are ${content} (type ${code}), not single real numbers.`,
    { file, fix: 'convert the image to int16 or float32.' },
  )
}

function voxelOffset(stored: number, smallest: number, file: string): number {
  // Some old writers leave the offset at 0 in single files, where it can only mean "right after the header".
  const offset = stored === 0 ? smallest : stored
  if (Number.isInteger(offset) && offset >= smallest) return offset
  throw new DataError(`The header says that the voxels start at byte ${stored}, which is impossible.`, {
    file,
    fix: 'convert the scan again.',
  })
}
