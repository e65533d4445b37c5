import { readFileSync } from 'node:fs'
import { MissingInputError } from '@voxnorm/data'
import { type Overrides, parseConfig } from '../config/parse-config.ts'
import type { Config } from '../config/schema.ts'

/** Reads a configuration file, see `parseConfig`. Throws MissingInputError when it cannot be read. */
export function readConfig(file: string, overrides: Overrides = {}): Config {
  return parseConfig(readText(file), file, overrides)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const why =
      code === 'EISDIR' ? 'is a folder' : code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new MissingInputError(`the configuration ${why}.`, {
      file,
      fix: 'write a YAML file with at least "data: {table: dataset.tsv}" and give its name',
      cause: error,
    })
  }
}
