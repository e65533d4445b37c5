import { DataError } from '../errors.ts'
import type { Shape3 } from './volume.ts'

/** Intents of NIfTI-2 that CIFTI takes for its matrices. */
const CIFTI_INTENTS = [3000, 3099] as const
/** The code of the header extension that holds a CIFTI file's XML. */
const CIFTI_EXTENSION = 32

/** No scan has a row of so many voxels; surfaces have many more points. */
const LONGEST_ROW = 1024

const FIX = 'give the volume that it was made from; surfaces cannot be normalised.'

/** Throws DataError for a NIfTI header that belongs to a CIFTI file: a matrix over points of surfaces and voxels. */
export function refuseCifti(intent: number, extensionCodes: readonly number[], file: string): void {
  const [first, last] = CIFTI_INTENTS
  const isCifti = (intent >= first && intent <= last) || extensionCodes.includes(CIFTI_EXTENSION)
  if (!isCifti) return
  throw new DataError(
    `This is a CIFTI file (intent ${intent}): a matrix over points of surfaces and voxels, not an image.`,
    { file, fix: FIX },
  )
}

/**
 * Throws DataError for the shape of a FreeSurfer overlay: one number for each point of a surface in the form of an image,
 * N x 1 x 1, or folded as M x 1 x K where a header cannot hold N, or with a first size of -1.
 */
export function refuseOverlay(sizes: readonly number[], file: string): void {
  const [x, y, z] = sizes
  const isOverlay = x === -1 || (y === 1 && x! > LONGEST_ROW)
  if (!isOverlay) return
  throw new DataError(
    `This is an overlay with one number for each point of a surface (${[x, y, z].join(' x ')}), not an image.`,
    { file, fix: FIX },
  )
}

/** What a file is that is no image, told from its first bytes; undefined for unknown ones. */
export function surfaceKind(bytes: Uint8Array): string | undefined {
  if (/^\uFEFF?\s*<\?xml[\s\S]*<GIFTI|^\uFEFF?\s*<GIFTI/.test(textAtStart(bytes)))
    return 'a GIFTI file of a surface'
  const [first, second, third] = bytes
  if (first !== 0xff || second !== 0xff) return undefined
  if (third === 0xff) return "an overlay of a surface in FreeSurfer's own format"
  return third === 0xfe ? "a surface in FreeSurfer's own format" : undefined
}

/** Throws DataError for a file that holds a surface or what belongs to one. */
export function refuseSurface(bytes: Uint8Array, file: string): void {
  const kind = surfaceKind(bytes)
  if (kind !== undefined) throw new DataError(`This is ${kind}, not an image.`, { file, fix: FIX })
}

const textAtStart = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.subarray(0, 1024))

/** The most voxels that a volume may have: 2 GiB as float32. */
const MOST_VOXELS = 2 ** 29

/** Throws DataError for a volume that is too large to be worked on, before anything is allocated for it. */
export function refuseTooLarge(shape: Shape3, file: string): void {
  if (shape[0] * shape[1] * shape[2] <= MOST_VOXELS) return
  throw new DataError(
    `The header gives ${shape.join(' x ')} voxels, and at most ${MOST_VOXELS} can be worked on.`,
    { file, fix: 'check the header, or resample the image to larger voxels.' },
  )
}
