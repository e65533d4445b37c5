import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseLabelTable } from '../datasets/label-table.ts'
import { DataError } from '../errors.ts'
import { splitImageName } from '../image/names.ts'
import { type LabelMap, type LabelSpecification, labelConvention } from '../labels.ts'

/** Looks up what is said about the label numbers of a file; see {@link openStatedLabels}. */
export type StatedLabels = (file: string) => LabelSpecification | undefined

/**
 * Opens a look-up of the conventions that stand beside label files: the key `LabelConvention` of the file's sidecar, as
 * `voxnorm predict` writes it, else the nearest `dseg.tsv` of BIDS, beside the file or above it as far as the folders are
 * those of a session or a participant. Undefined where nothing is said.
 *
 * Every folder is listed once. Throws DataError for a statement that cannot be understood.
 */
export function openStatedLabels(): StatedLabels {
  const tables = new Map<string, readonly string[]>()
  const read = new Map<string, LabelMap>()
  const tablesIn = (folder: string) => {
    const known =
      tables.get(folder) ??
      (existsSync(folder) ? readdirSync(folder).filter((name) => /(^|_)dseg\.tsv$/.test(name)) : [])
    tables.set(folder, known)
    return known
  }
  return (file) => {
    const sidecar = fromSidecar(file)
    if (sidecar !== undefined) return sidecar
    const table = nearestTable(file, tablesIn)
    if (table === undefined) return undefined
    const map = read.get(table) ?? parseLabelTable(readFileSync(table, 'utf8'), table)
    read.set(table, map)
    return map
  }
}

function fromSidecar(file: string): LabelSpecification | undefined {
  const stated = sidecarValue(file, 'LabelConvention')
  if (stated === undefined) return undefined
  try {
    assertForm(stated)
    labelConvention(stated)
    return stated
  } catch (cause) {
    throw new DataError(`The sidecar's LabelConvention is ${JSON.stringify(stated)}, which is none.`, {
      file,
      fix: 'use the version of voxnorm that wrote it, or correct the sidecar',
      cause,
    })
  }
}

/**
 * A key of the sidecar of an output: `NAME_dseg.json`, or `NAME.json`, which tells of all outputs for a scan without a BIDS
 * name. Undefined where it is not there; a sidecar that is no JSON object says nothing.
 */
export function sidecarValue(file: string, key: string): unknown {
  const { stem } = splitImageName(file)
  for (const name of new Set([stem, stem.replace(/_dseg$/, '')])) {
    const sidecar = path.join(path.dirname(file), `${name}.json`)
    const value = existsSync(sidecar) ? valueIn(readFileSync(sidecar, 'utf8'), key) : undefined
    if (value !== undefined) return value
  }
  return undefined
}

function valueIn(text: string, key: string): unknown {
  try {
    const json: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>)[key] : undefined
  } catch {
    return undefined
  }
}

/** The nearest table whose entities are all in the name of the file; of several in one folder the most special. */
function nearestTable(file: string, tablesIn: (folder: string) => readonly string[]): string | undefined {
  const entities = splitImageName(file).stem.split('_')
  let folder = path.dirname(path.resolve(file))
  for (;;) {
    const [name] = tablesIn(folder)
      .filter((table) => entitiesOf(table).every((entity) => entities.includes(entity)))
      .sort((first, second) => second.length - first.length)
    if (name !== undefined) return path.join(folder, name)
    if (!/^(anat|ses-.+|sub-.+)$/.test(path.basename(folder))) return undefined
    folder = path.dirname(folder)
  }
}

function entitiesOf(table: string): string[] {
  return table
    .replace(/\.tsv$/, '')
    .split('_')
    .slice(0, -1)
}

/** Throws TypeError for what is neither a name nor a map of lists of numbers. */
function assertForm(value: unknown): asserts value is LabelSpecification {
  if (typeof value === 'string') return
  const lists: unknown[] = typeof value === 'object' && value !== null ? Object.values(value) : [undefined]
  if (!lists.every(Array.isArray)) throw new TypeError('no name and no map of lists')
}
