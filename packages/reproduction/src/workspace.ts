import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, DataError, OutputError } from '@voxnorm/data'
import { makeFolder, removeTemporaryFiles, writeFileAtomically } from '@voxnorm/data/node'
import { PHANTOM_NAME } from '@voxnorm/pipeline'
import { contentsOf, readDescription } from '@voxnorm/pipeline/node'
import type { Experiment } from './experiments.ts'
import type { Budget } from './scale.ts'

/** What a reproduction was begun with; going on with other values would mix what cannot be compared. */
export interface Beginning {
  readonly version: 1
  readonly data: readonly string[]
  readonly sites: readonly string[]
  readonly labels: string
  readonly seed: number
  /** As written: `20m`, `full`. */
  readonly budget: string
  readonly set: readonly string[]
  readonly adapter: string
}

/** plan.json: the beginning, what the budget was turned into, and all that was ever asked for. */
export interface StoredPlan {
  readonly beginning: Beginning
  readonly budget: Budget
  readonly experiments: readonly Experiment[]
  /** The most seeds of any call. */
  readonly seeds: number
}

/** The folder of a reproduction. */
export interface Workspace {
  readonly path: string
  /** The plan that the folder was begun with, if it was. */
  readonly plan: StoredPlan | undefined
  writePlan(plan: StoredPlan): void
  /** The folder of a training. */
  runFolder(key: string): string
  /** What was measured of a run, or undefined while it was not; `kind` is the folder of such files. */
  readRecord<T>(kind: RecordKind, key: string): T | undefined
  writeRecord(kind: RecordKind, key: string, record: object): void
  /** A file at the top of the folder or below it. */
  write(name: string, content: string | Uint8Array): void
}

/** Scores of a run on the test subjects and patches, and what is examined of one run for trust. */
export type RecordKind = 'measurements' | 'examinations'

const FOLDERS = ['runs', 'measurements', 'examinations', 'figures', 'tables']

/**
 * Opens the folder of a reproduction: a new or empty one, or one that an earlier call began, killed at any moment.
 *
 * Throws OutputError when something else is there, and ConfigError when the folder was begun with other data, sites,
 * budget, seed or settings.
 */
export function openWorkspace(folder: string, beginning: Beginning): Workspace {
  const planFile = path.join(folder, 'plan.json')
  assertFreeForReproduction(folder)
  const plan = existsSync(planFile)
    ? readJson<StoredPlan>(planFile, 'choose another folder; this one does not know its scale any more')
    : undefined
  if (plan !== undefined) assertSame(plan.beginning, beginning, folder)
  makeFolder(folder)
  for (const name of FOLDERS) {
    makeFolder(path.join(folder, name))
    removeTemporaryFiles(path.join(folder, name))
  }
  removeTemporaryFiles(folder)
  const recordFile = (kind: RecordKind, key: string) => path.join(folder, kind, `${key}.json`)
  return {
    path: folder,
    plan,
    writePlan: (written) => writeFileAtomically(planFile, `${JSON.stringify(written, notANumber, 2)}\n`),
    runFolder: (key) => path.join(folder, 'runs', key),
    readRecord: <T>(kind: RecordKind, key: string) => {
      const file = recordFile(kind, key)
      return existsSync(file)
        ? readJson<T>(file, 'delete the file; what it held is measured again')
        : undefined
    },
    writeRecord: (kind, key, record) =>
      writeFileAtomically(recordFile(kind, key), JSON.stringify(record, notANumber)),
    write: (name, content) => writeFileAtomically(path.join(folder, name), content),
  }
}

/** JSON has neither NaN nor infinity; both come back from their names. */
function notANumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { number: String(value) } : value
}

function readJson<T>(file: string, fix: string): T {
  try {
    return JSON.parse(readFileSync(file, 'utf8'), (_key, value: unknown) =>
      typeof value === 'object' && value !== null && 'number' in value && typeof value.number === 'string'
        ? Number(value.number)
        : value,
    ) as T
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new DataError('this file of a reproduction is not valid JSON.', {
      file,
      fix,
      cause,
    })
  }
}

/** Throws OutputError unless a reproduction was begun in this place or nothing else is there; writes nothing. */
export function assertFreeForReproduction(folder: string): void {
  if (!existsSync(folder) || holdsPlan(folder)) return
  if (!statSync(folder).isDirectory()) {
    throw new OutputError('a file with the name of the folder exists.', {
      file: folder,
      fix: 'choose another name',
    })
  }
  const foreign = contentsOf(folder).filter((name) => !isOwnLeftover(folder, name))
  if (foreign.length === 0) return
  throw new OutputError(`this folder holds other things (${foreign.slice(0, 3).join(', ')}).`, {
    file: folder,
    fix: `choose a new folder for the reproduction, for example ${path.join(folder, 'reproduction')}`,
  })
}

/** Whether plan.json is that of a reproduction; one that is damaged is goOn of when it is read. */
function holdsPlan(folder: string): boolean {
  const file = path.join(folder, 'plan.json')
  if (!existsSync(file)) return false
  try {
    return JSON.parse(readFileSync(file, 'utf8'))?.beginning !== undefined
  } catch {
    return true
  }
}

/** A call that was killed before it wrote its plan leaves empty folders, and the phantom where it made one. */
function isOwnLeftover(folder: string, name: string): boolean {
  const at = path.join(folder, name)
  const own = FOLDERS.includes(name) || name === 'data'
  if (!own || !statSync(at).isDirectory()) return false
  if (contentsOf(at).length === 0) return true
  return name === 'data' && readDescription(at)?.Name === PHANTOM_NAME
}

function assertSame(begun: Beginning, wanted: Beginning, folder: string): void {
  for (const key of Object.keys(begun) as (keyof Beginning)[]) {
    // Another adapter is no other experiment, and a run resumes on it, though not bit for bit.
    if (key === 'adapter' || JSON.stringify(begun[key]) === JSON.stringify(wanted[key])) continue
    throw new ConfigError(
      `the reproduction in ${folder} was begun with ${key} ${show(begun[key])}, not ${show(wanted[key])}.`,
      { fix: 'give the same data, sites, budget, seed and settings to go on, or choose another folder' },
    )
  }
}

const show = (value: unknown) => (Array.isArray(value) ? value.join(', ') || 'none' : String(value))
