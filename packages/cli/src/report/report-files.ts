import { readFileSync } from 'node:fs'
import { DataError, MissingInputError } from '@voxnorm/data'

/** Reads a file that a report is made of. Throws MissingInputError when it cannot be read. */
export function readTextFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new MissingInputError('this file of a run folder cannot be read.', {
      file,
      fix: 'give the folder that voxnorm train -o wrote',
      cause,
    })
  }
}

/** Reads such a file as JSON. Throws DataError when it is none. */
export function readJson<T>(file: string): T {
  try {
    return JSON.parse(readTextFile(file)) as T
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new DataError('this is not valid JSON.', { file, cause })
    throw cause
  }
}
