import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { CLASSES, companionNames } from '@voxnorm/data'
import { makeFolder, removeTemporaryFiles, writeFileAtomically } from '@voxnorm/data/node'
import type { PredictionInput } from './inputs.ts'
import type { OutputNames } from './output-names.ts'

/** Folder of the records, inside a prediction folder. */
export const RECORDS = 'finished'

/** What outputs depend on besides their inputs, by name. */
export type Settings = Readonly<Record<string, string | number | boolean>>

/** An input as it was when it was read. */
export interface InputHash {
  /** Name without folder: a record can be shared. */
  readonly file: string
  readonly sha256: string
}

/**
 * How a subject was predicted: written before its outputs with `finished: false`, and again behind them. A kill between
 * the two leaves a subject that is predicted again.
 */
export interface PredictionRecord {
  readonly finished: boolean
  readonly settings: Settings
  readonly inputs: readonly InputHash[]
  /** The outputs, relative to the prediction folder; before they are written, those that may be. */
  readonly files: readonly string[]
}

/** The record of a subject, or undefined while there is none. */
export function readRecord(out: string, { names }: PredictionInput): PredictionRecord | undefined {
  const file = path.join(out, recordName(names))
  if (!existsSync(file)) return undefined
  try {
    const { finished, settings, inputs, files } = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof settings !== 'object' || !Array.isArray(inputs) || !Array.isArray(files)) return undefined
    return { finished: finished === true, settings, inputs, files }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Makes way for new outputs of a subject: takes away those of an earlier run and what a kill left half written. */
export function beginRecord(
  out: string,
  input: PredictionInput,
  made: Pick<PredictionRecord, 'settings' | 'inputs'>,
): void {
  const { names } = input
  const earlier = readRecord(out, input)?.files ?? []
  const files = [...new Set([...earlier, ...imagesOf(names)])]
  const folder = path.join(out, names.folder)
  makeFolder(folder)
  removeTemporaryFiles(folder)
  writeRecord(out, names, { finished: false, ...made, files })
  for (const name of earlier) if (isInside(name)) rmSync(path.join(out, name), { force: true })
}

/** Marks a subject as finished; its outputs are on disk. */
export function finishRecord(
  out: string,
  { names }: PredictionInput,
  made: Omit<PredictionRecord, 'finished'>,
): void {
  writeRecord(out, names, { finished: true, ...made })
}

function writeRecord(out: string, names: OutputNames, record: PredictionRecord): void {
  const file = path.join(out, recordName(names))
  makeFolder(path.dirname(file))
  removeTemporaryFiles(path.dirname(file))
  writeFileAtomically(file, `${JSON.stringify(record, null, 2)}\n`)
}

/** How many subjects a prediction folder has records of besides `inputs`. */
export function countOthers(out: string, inputs: readonly PredictionInput[]): number {
  const folder = path.join(out, RECORDS)
  if (!existsSync(folder)) return 0
  const own = new Set(inputs.map(({ names }) => path.relative(RECORDS, recordName(names))))
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.json') && !own.has(name)).length
}

/** Why a finished subject is not as these settings and inputs would make it; undefined when it is. */
export function differenceFrom(
  out: string,
  record: PredictionRecord,
  settings: Settings,
  inputs: readonly InputHash[],
): string | undefined {
  const lost = record.files.find((name) => !existsSync(path.join(out, name)))
  if (lost !== undefined) return `${lost} is gone`
  const names = [...new Set([...Object.keys(record.settings), ...Object.keys(settings)])]
  const others = names.filter((name) => record.settings[name] !== settings[name])
  if (others.length > 0) {
    const told = others.map(
      (name) => `${name} was ${record.settings[name] ?? 'not said'}, now ${settings[name] ?? 'not said'}`,
    )
    return told.join('; ')
  }
  if (record.inputs.length !== inputs.length) return 'it had other input files'
  const changed = inputs.find(({ sha256 }, index) => record.inputs[index]!.sha256 !== sha256)
  return changed === undefined ? undefined : `${changed.file} has changed`
}

/** The contents of a subject's files: images, the other halves of pairs, and the mask. */
export async function hashInputs(input: PredictionInput): Promise<InputHash[]> {
  const files = filesOf(input).flatMap((file) => [
    file,
    ...companionNames(file).filter((other) => existsSync(other)),
  ])
  const hashes: InputHash[] = []
  for (const file of files) {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
    hashes.push({ file: path.basename(file), sha256: hash.digest('hex') })
  }
  return hashes
}

/** Images and mask of a subject. */
export function filesOf({ images, mask }: PredictionInput): string[] {
  return [...images, ...(mask === undefined ? [] : [mask])]
}

function recordName({ folder, base }: OutputNames): string {
  return path.join(RECORDS, folder, `${base}.json`)
}

/** The images that may be written for a subject, relative to the prediction folder. */
export function imagesOf({ folder, base, normalized }: OutputNames): string[] {
  const maps = CLASSES.map((label) => `${base}_label-${label}_probseg`)
  return [...normalized, `${base}_dseg`, ...maps].map((name) => path.join(folder, `${name}.nii.gz`))
}

/** A record that somebody changed must not have files elsewhere removed. */
function isInside(name: string): boolean {
  return !path.isAbsolute(name) && !path.normalize(name).startsWith('..')
}
