import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { DataError, InputOutputError, MissingInputError } from '../errors.ts'
import { companionNames } from '../image/names.ts'
import { type WriteOptions, writeNifti } from '../image/nifti-writer.ts'
import { readVolume } from '../image/read.ts'
import type { AnyVolume, Volume } from '../image/volume.ts'
import { makeFolder, writeFileAtomically } from './atomic-file.ts'

/** Node's own gzip leaves out name and time stamp, too, and is several times faster than the portable one. */
const compress = promisify(gzip)

/**
 * Reads one volume from a file, and the other half of a `.hdr`/`.img` pair from beside it.
 *
 * Throws MissingInputError when the file cannot be opened and DataError when `readVolume` cannot use it.
 */
export async function readVolumeFile(path: string): Promise<Volume> {
  const bytes = await readFileBytes(path)
  const companion = await readFirst(companionNames(path))
  return readVolume(bytes, companion === undefined ? { name: path } : { name: path, companion })
}

/**
 * Writes a volume as NIfTI, compressed when `path` ends in `.gz`; the file appears complete or not at all.
 *
 * Missing folders are made. Throws like {@link writeFileAtomically}.
 */
export async function writeVolumeFile(
  path: string,
  volume: AnyVolume,
  options: WriteOptions = {},
): Promise<void> {
  const bytes = writeNifti(volume, options)
  const stored = path.endsWith('.gz') ? await compress(bytes) : bytes
  makeFolder(dirname(path))
  writeFileAtomically(path, stored)
}

/** Reads a whole file. Throws MissingInputError, InputOutputError or DataError, with what the system said in words. */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EIO') {
      throw new InputOutputError('The file could not be read to its end.', { file: path, cause: error })
    }
    if (code === 'ERR_FS_FILE_TOO_LARGE') {
      throw new DataError('The file is larger than two gibibytes, which is more than can be read.', {
        file: path,
        fix: 'compress it, or resample the image to larger voxels.',
        cause: error,
      })
    }
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'The file does not exist.',
      EISDIR: 'This is a folder, not an image file.',
      EACCES: 'The file may not be read by this user.',
    }
    throw new MissingInputError(reasons[code] ?? `The file cannot be opened (${code}).`, {
      file: path,
      cause: error,
      fix: 'check the path and its permissions.',
    })
  }
}

async function readFirst(paths: readonly string[]): Promise<Uint8Array | undefined> {
  for (const path of paths) {
    try {
      return await readFileBytes(path)
    } catch (error) {
      if (codeOf((error as Error).cause) !== 'ENOENT') throw error
    }
  }
  return undefined
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
