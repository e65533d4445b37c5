import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { InputOutputError, OutputError } from '../errors.ts'

const TEMPORARY = /^\..+\.\d+\.tmp$/

/**
 * Writes a file so that its final name never holds half of it: a temporary file beside it, flushed to disk, renamed.
 *
 * Throws OutputError (73) when the file cannot be created there and InputOutputError (74) when writing fails, for
 * example on a full disk; the temporary file is then removed.
 */
export function writeFileAtomically(file: string, content: string | Uint8Array): void {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.tmp`)
  try {
    const descriptor = openSync(temporary, 'w')
    try {
      writeFully(descriptor, typeof content === 'string' ? Buffer.from(content) : content)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary)
    throw outputFailure(error, file)
  }
  flushFolder(path.dirname(file))
}

/** Writes all bytes at the descriptor's position; a single call may stop short of the end. */
export function writeFully(descriptor: number, bytes: Uint8Array): void {
  let done = 0
  while (done < bytes.length) done += writeSync(descriptor, bytes, done, bytes.length - done)
}

/**
 * Makes a folder and its parents, and returns the topmost folder that had to be made, if any. Throws OutputError when
 * that is impossible.
 */
export function makeFolder(folder: string): string | undefined {
  try {
    return mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw outputFailure(causeOf(error, folder), folder)
  }
}

/** Node says ENOENT of a folder with parents to make, whatever the system said; the topmost of them alone tells why. */
function causeOf(error: unknown, folder: string): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return error
  let topmost = path.resolve(folder)
  while (!existsSync(path.dirname(topmost))) topmost = path.dirname(topmost)
  try {
    mkdirSync(topmost)
    rmdirSync(topmost)
  } catch (cause) {
    return cause
  }
  return error
}

/** Removes what {@link writeFileAtomically}, or a folder built the same way, left in a folder when the process was killed. */
export function removeTemporaryFiles(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (TEMPORARY.test(name)) rmSync(path.join(folder, name), { recursive: true, force: true })
  }
}

/** Turns an error of the file system that happened while writing `file` into the project's words. */
export function outputFailure(error: unknown, file: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  const details = (fix: string) => ({ file, fix, cause: error })
  switch (code) {
    case undefined:
      return error
    case 'ENOSPC':
      return new InputOutputError('the disk is full.', details('free some space and run the command again'))
    case 'EDQUOT':
      return new InputOutputError(
        'your quota on this disk is used up.',
        details('free some of your quota and run the command again'),
      )
    case 'EROFS':
      return new OutputError(
        'the file system is read-only.',
        details('choose a folder on a file system that can be written to'),
      )
    case 'EACCES':
    case 'EPERM':
      return new OutputError('no permission to write here.', details('choose a folder you may write to'))
    case 'ENOTDIR':
    case 'EEXIST':
    case 'EISDIR':
      return new OutputError(
        'cannot be created, because a file is where a folder should be or the other way round.',
        details('choose another name or remove what is there'),
      )
    case 'ENOENT':
      return new OutputError('the folder it should go into does not exist.', details('check the path'))
    default:
      return new InputOutputError(
        `writing failed (${code}).`,
        details('check the disk and run the command again'),
      )
  }
}

// A rename is only safe from a power cut once the folder itself is on disk; some systems cannot flush folders.
function flushFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    // The file itself is complete either way.
  }
}
