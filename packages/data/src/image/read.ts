import { DataError } from '../errors.ts'
import type { Format } from './format.ts'
import { FORMATS, type Formats } from './formats.ts'
import { gunzip, isGzip } from './gzip.ts'
import { pairRole } from './names.ts'
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
 * Reads one volume from bytes of one of the formats, by default {@link FORMATS}, gzip-compressed or not.
 *
 * The content decides about format and compression, the name only about pairs. Values are scaled as the header
 * says; voxels that are NaN or infinite stay so (see `assertUsableImage`). Oddities that do not prevent reading
 * are in `header.warnings`. Throws DataError for anything that is not one 3D volume of real numbers.
 */
export function readVolume(bytes: Uint8Array, options: ReadOptions, formats: Formats = FORMATS): Volume {
  const { name, companion } = options
  const role = pairRole(name, formats)
  const own = expand(bytes, name, formats)
  const other =
    companion === undefined ? undefined : expand(companion, `${name} (other half of the pair)`, formats)
  const header = role === 'voxels' ? other : own
  if (own.length === 0) throw new DataError('The file is empty.', { file: name })
  if (header === undefined) throw missingHalf(name, 'the .hdr file with its header')
  const known = recognise(header, role !== undefined, formats)
  if (known === undefined) {
    refuseSurface(header, name)
    throw new DataError(`The file is not a ${titlesOf(formats)} image.`, {
      file: name,
      fix: 'convert it to NIfTI (.nii.gz), for example with dcm2niix.',
    })
  }
  const { format, single } = known
  const voxels = single ? header : role === 'voxels' ? own : other
  if (voxels === undefined) throw missingHalf(name, 'the .img file with its voxels')
  return format.read({ header, voxels, single }, name)
}

function titlesOf(formats: Formats): string {
  const titles = [...new Set(Object.values(formats).map(({ title }) => title))]
  return `${titles.slice(0, -1).join(', ')} or ${titles.at(-1)}`
}

/** So many bytes may follow the voxels in an archive; more is no padding. */
const MOST_BEHIND = 2 ** 26

/** So many bytes tell every format from the others. */
const LONGEST_HEADER = 540

function expand(bytes: Uint8Array, name: string, formats: Formats): Uint8Array {
  return isGzip(bytes) ? gunzip(bytes, name, (start) => largestContent(start, name, formats)) : bytes
}

/** How many bytes an archive may hold that begins like this: a header may say how large its image is. */
function largestContent(start: Uint8Array, name: string, formats: Formats): number {
  const known = start.length < LONGEST_HEADER ? undefined : recognise(start, false, formats)
  if (!known?.single || known.format.expectedLength === undefined) return Number.POSITIVE_INFINITY
  return known.format.expectedLength(start, name) + MOST_BEHIND
}

function missingHalf(name: string, half: string): DataError {
  return new DataError(`The image is one half of a pair and ${half} is missing.`, {
    file: name,
    fix: 'put both files into one folder under the same name.',
  })
}

/** The first format that knows these bytes, and whether the voxels are behind the header. */
function recognise(
  header: Uint8Array,
  paired: boolean,
  formats: Formats,
): { readonly format: Format; readonly single: boolean } | undefined {
  for (const format of Object.values(formats)) {
    const kind = format.recognise(header, paired)
    if (kind !== undefined) return { format, single: kind === 'single' }
  }
  return undefined
}
