import { applyAffine } from '../affine.ts'
import { DataError } from '../errors.ts'
import type { ImageBytes } from './format.ts'
import { chooseAffine, headerForAffine, withAlignedForms, withGuessedForms } from './geometry.ts'
import { NIFTI_LAYOUT, type NiftiFields, parseExtensions, parseNiftiFields } from './nifti-header.ts'
import { refuseCifti, refuseOverlay, refuseTooLarge } from './not-volumes.ts'
import { inMillimetres } from './units.ts'
import { type Affine, type ImageHeader, type Shape3, type Volume, voxelCount } from './volume.ts'
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

/** An image in NIfTI or Analyze form. */
export interface NiftiBytes extends ImageBytes {
  readonly format: 'nifti1' | 'nifti2' | 'analyze'
}

/**
 * Reads an uncompressed NIfTI-1, NIfTI-2 or Analyze 7.5 image.
 *
 * Throws DataError with `file` for anything that is not one volume of real numbers on a grid in space.
 */
export function readNifti(source: NiftiBytes, file: string): Volume {
  const version = source.format === 'nifti2' ? 'nifti2' : 'nifti1'
  const headerSize = NIFTI_LAYOUT[version].size
  const stored = parseNiftiFields(source.header, version, file)
  const isAnalyze = source.format === 'analyze'
  // Where its numbers make no sense, what is behind the header is no list of extensions, and tells nothing.
  const extensions = isAnalyze ? [] : extensionsOf(source, stored, headerSize)
  if (!isAnalyze) refuseCifti(stored.intent.code, extensions?.map(({ code }) => code) ?? [], file)
  const { fields, warning } = isAnalyze ? { fields: stored } : inMillimetres(stored)
  const shape = singleVolumeShape(fields.dim, file)
  const type = voxelType(fields.datatypeCode, file)
  const offset = voxelOffset(fields.voxelOffset, source.single ? headerSize + 4 : 0, file)
  // A slope of 0 means "not scaled" by the standard; NaN and infinity come from broken writers and mean the same.
  const scaled = Number.isFinite(fields.slope) && fields.slope !== 0
  const slope = scaled ? fields.slope : 1
  const intercept = scaled && Number.isFinite(fields.intercept) ? fields.intercept : 0
  const layout = { shape, type, offset, littleEndian: fields.littleEndian, slope, intercept }
  const data = decodeVoxels(source.voxels, layout, file)
  const warnings: string[] = warning === undefined ? [] : [warning]
  const end = offset + voxelCount(shape) * bytesPerVoxel(type)
  if (source.voxels.subarray(end).some((byte) => byte !== 0)) {
    warnings.push(
      `The file has ${source.voxels.length - end} bytes behind the ${shape.join(' x ')} voxels of its header, and they were left out.`,
    )
  }
  if (fields.bitsPerVoxel !== 8 * bytesPerVoxel(type)) {
    warnings.push(
      `The header says ${fields.bitsPerVoxel} bits per voxel but its type ${type} has ${8 * bytesPerVoxel(type)}.`,
    )
  }
  if (isAnalyze) return analyzeVolume({ fields, shape, type, data, warnings, header: source.header }, file)

  if (extensions === undefined) warnings.push('The header extensions are damaged and were left out.')
  const { affine, pixdim, qform, warnings: oddities } = chooseAffine({ ...fields, shape }, file)
  const header: ImageHeader = {
    format: source.format,
    datatype: type,
    pixdim,
    qform,
    sform: fields.sform,
    units: fields.units,
    intent: fields.intent,
    description: fields.description,
    extensions: extensions ?? [],
    warnings: [...warnings, ...oddities],
  }
  return { shape, data, affine, header }
}

/**
 * How many bytes the file with this header has when nothing is behind its voxels.
 *
 * Throws DataError where {@link readNifti} would for the header alone.
 */
export function expectedLength(header: Uint8Array, format: 'nifti1' | 'nifti2', file: string): number {
  const { intent, dim, datatypeCode, voxelOffset: stored } = parseNiftiFields(header, format, file)
  refuseCifti(intent.code, [], file)
  const voxels = voxelCount(singleVolumeShape(dim, file))
  return (
    voxelOffset(stored, NIFTI_LAYOUT[format].size + 4, file) +
    voxels * bytesPerVoxel(voxelType(datatypeCode, file))
  )
}

/** Undefined when the extensions are damaged. */
function extensionsOf({ header, single }: NiftiBytes, fields: NiftiFields, headerSize: number) {
  const end = single ? fields.voxelOffset || headerSize + 4 : header.length
  return parseExtensions(header, headerSize, end, fields.littleEndian)
}

/** What is known of an Analyze image before it is placed. */
interface AnalyzeImage {
  readonly fields: NiftiFields
  readonly shape: Shape3
  readonly type: VoxelType
  readonly data: Float32Array
  readonly warnings: readonly string[]
  readonly header: Uint8Array
}

/** Where SPM keeps the voxel of the world's origin in an Analyze header: five int16, voxels counted from 1. */
const ANALYZE_ORIGIN = 253

/**
 * Analyze has no orientation: the bytes where NIfTI keeps its forms mean something else there. SPM's origin places the
 * image where there is one; without it the middle of the grid is the origin, and no form says so.
 */
function analyzeVolume({ fields, shape, type, data, warnings, header }: AnalyzeImage, file: string): Volume {
  const unknown = { qform: { ...fields.qform, code: 0 }, sform: { ...fields.sform, code: 0 } }
  const chosen = chooseAffine({ shape, pixdim: fields.pixdim, ...unknown }, file)
  const origin = analyzeOrigin(header, shape, fields.littleEndian)
  const affine = origin === undefined ? chosen.affine : placedByOrigin(chosen.affine, origin)
  const said =
    origin === undefined
      ? chosen.warnings
      : ['The Analyze header stores an origin but no directions; x is taken to run from right to left (LAS).']
  const placed = headerForAffine(affine)
  return {
    shape,
    data,
    affine,
    header: {
      ...(origin === undefined ? withGuessedForms(placed) : withAlignedForms(placed)),
      format: 'analyze',
      datatype: type,
      warnings: [...warnings, ...said],
    },
  }
}

/** The origin as a voxel index from 0; undefined where there is none that can be meant. */
function analyzeOrigin(
  header: Uint8Array,
  shape: Shape3,
  littleEndian: boolean,
): readonly [number, number, number] | undefined {
  const view = new DataView(header.buffer, header.byteOffset, header.length)
  const voxels = [0, 1, 2].map((axis) => view.getInt16(ANALYZE_ORIGIN + 2 * axis, littleEndian))
  const possible = voxels.every((voxel, axis) => voxel > -shape[axis]! && voxel < 2 * shape[axis]!)
  if (!possible || voxels.every((voxel) => voxel === 0)) return undefined
  return [voxels[0]! - 1, voxels[1]! - 1, voxels[2]! - 1]
}

/** The affine moved so that a voxel lies at the origin of the world. */
function placedByOrigin(affine: Affine, origin: readonly [number, number, number]): Affine {
  const [x, y, z] = applyAffine(affine, origin)
  return affine.map((value, index) =>
    index === 3 ? value - x : index === 7 ? value - y : index === 11 ? value - z : value,
  )
}

function singleVolumeShape(dim: readonly number[], file: string): Shape3 {
  const dimensions = dim[0]!
  const sizes = dim.slice(1, 1 + dimensions)
  refuseOverlay(dim.slice(1, 4), file)
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
  const shape: Shape3 = [sizes[0]!, sizes[1]!, sizes[2]!]
  refuseTooLarge(shape, file)
  return shape
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
