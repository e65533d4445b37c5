import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder, writeFileAtomically } from '@voxnorm/data/node'
import { cacheFolders } from '@voxnorm/node'
import type { Log } from '@voxnorm/pipeline'
import { PACKAGE_FOLDER } from '../version.ts'
import { formatTable, parseTable, type TuningTable } from './table.ts'

/** The table in a file; undefined where there is none, or with a warning where it cannot be read. */
export function readTable(file: string, log: Pick<Log, 'warning'>): TuningTable | undefined {
  if (!existsSync(file)) return undefined
  const table = parseTable(readFileSync(file, 'utf8'))
  if (table === undefined) log.warning('tuning', `${file} is no table of kernels: it is left out of account`)
  return table
}

/** Tables that come with the program. */
export function shippedTables(log: Pick<Log, 'warning'>): readonly TuningTable[] {
  const folder = fileURLToPath(new URL('tuning/', PACKAGE_FOLDER))
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
  return files.sort().flatMap((name) => readTable(path.join(folder, name), log) ?? [])
}

/** Where the user's own measurements on an adapter are kept. */
export function ownTableFile(adapter: string): string {
  const name = (adapter.toLowerCase().match(/[a-z0-9]+/g) ?? ['adapter']).join('-')
  return path.join(cacheFolders()[0]!, 'tuning', `${name}.json`)
}

/** Keeps measurements for the next training. A folder that cannot be written to costs a warning, not the training. */
export function writeOwnTable(table: TuningTable, log: Pick<Log, 'warning'>): void {
  const file = ownTableFile(table.adapter)
  try {
    makeFolder(path.dirname(file))
    writeFileAtomically(file, formatTable(table))
  } catch (error) {
    log.warning('tuning', `measurements are not kept: ${error instanceof Error ? error.message : error}`)
  }
}
