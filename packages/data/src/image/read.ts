import { DataError } from '../errors.ts'
import { gunzip, isGzip } from './gzip.ts'
import { isMgh, readMgh } from './mgh.ts'
import { pairRole } from './names.ts'
import { expectedLength, readNifti } from './nifti.ts'
import { NIFTI_LAYOUT } from './nifti-header.ts'
import { refuseSurface } from './not-volumes.ts'
import type { Volume } from './volume.ts'

/** How {@link readVolume} is told what it reads. */
export interface ReadOptions {
  /** File name as the user knows it; its ending tells a header from its voxels, and errors begin with it. */
  readonly name: string
  /** The other half of a pair: the `.img` of a `.hdr` or the `.hdr` of an `.img`. */
  readonly companion?: Uint8Array
}

/**
 * Reads one volume from NIfTI-1, NIfTI-2, Analyze 7.5 or MGH bytes, gzip-compressed or not.
 *
 * The content decides about format and compression, the name only about pairs. Values are scaled as the header
 * says; voxels that are NaN or infinite stay so (see `assertUsableImage`). Oddities that do not prevent reading
 * are in `header.warnings`. Throws DataError for anything that is not one 3D volume of real numbers.
 */
export function readVolume(bytes: Uint8Array, options: ReadOptions): Volume {
  const { name, companion } = options
  const role = pairRole(name)
  const own = expand(bytes, name)
  const other = companion === undefined ? undefined : expand(companion, `${name} (other half of the pair)`)
  const header = role === 'voxels' ? other : own
  if (own.length === 0) throw new DataError('The file is empty.', { file: name })
  if (header === undefined) throw missingHalf(name, 'the .hdr file with its header')
  const kind = recognise(header, role !== undefined)
  if (kind === undefined) {
    refuseSurface(header, name)
    throw new DataError('The file is not a NIfTI, Analyze or MGH image.', {
      file: name,
      fix: 'convert it to NIfTI (.nii.gz), for example with dcm2niix.',
    })
  }
  if (kind.format === 'mgh') return readMgh(header, name)
  if (kind.single) return readNifti({ format: kind.format, header, voxels: header, single: true }, name)
  const voxels = role === 'voxels' ? own : other
  if (voxels === undefined) throw missingHalf(name, 'the .img file with its voxels')
  return readNifti({ format: kind.format, header, voxels, single: false }, name)
}

function expand(bytes: Uint8Array, name: string): Uint8Array {
  return isGzip(bytes) ? gunzip(bytes, name, (start) => largestContent(start, name)) : bytes
}

/** So many bytes may follow the voxels in an archive; more is no padding. */
const MOST_BEHIND = 2 ** 26

/** How many bytes an archive may hold that begins like this: a header says how large its image is. */
function largestContent(start: Uint8Array, name: string): number {
  const kind = start.length < NIFTI_LAYOUT.nifti2.size ? undefined : recognise(start, false)
  if (kind === undefined || kind.format === 'mgh' || kind.format === 'analyze' || !kind.single)
    return Number.POSITIVE_INFINITY
  return expectedLength(start, kind.format, name) + MOST_BEHIND
}

function missingHalf(name: string, half: string): DataError {
  return new DataError(`The image is one half of a pair and ${half} is missing.`, {
    file: name,
    fix: 'put both files into one folder under the same name.',
  })
}

type Kind =
  | { readonly format: 'mgh' }
  | { readonly format: 'nifti1' | 'nifti2' | 'analyze'; readonly single: boolean }

/** What the first bytes say. Analyze has no mark of its own, so it is only looked for in pairs. */
function recognise(header: Uint8Array, isPair: boolean): Kind | undefined {
  if (header.length < 4) return undefined
  const view = new DataView(header.buffer, header.byteOffset, header.length)
  const hasSize = (size: number) => view.getInt32(0, true) === size || view.getInt32(0, false) === size
  if (hasSize(NIFTI_LAYOUT.nifti1.size)) {
    const mark = String.fromCharCode(...header.subarray(344, 347))
    if (mark === 'n+1' || mark === 'ni1') return { format: 'nifti1', single: mark === 'n+1' }
    // A header that ends before its mark is called NIfTI, so that the error is about the missing bytes.
    if (header.length < NIFTI_LAYOUT.nifti1.size) return { format: 'nifti1', single: !isPair }
    return isPair ? { format: 'analyze', single: false } : undefined
  }
  if (hasSize(NIFTI_LAYOUT.nifti2.size)) {
    const mark = String.fromCharCode(...header.subarray(4, 7))
    if (mark === 'n+2' || mark === 'ni2') return { format: 'nifti2', single: mark === 'n+2' }
    return undefined
  }
  return isMgh(header) ? { format: 'mgh' } : undefined
}
