import { CLASSES, companionNames } from '@voxnorm/data'
import { basename, isAbsolute, join, normalize } from 'pathe'
import type { OutputNames } from '../prediction/output-names.ts'
import { readText, type Sink, type Source, sha256 } from '../storage.ts'
import type { PredictionInput } from './input.ts'

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
export async function readRecord(
  sink: Sink,
  { names }: PredictionInput,
): Promise<PredictionRecord | undefined> {
  const text = await readText(sink, recordName(names))
  if (text === undefined) return undefined
  try {
    const { finished, settings, inputs, files } = JSON.parse(text)
    if (typeof settings !== 'object' || !Array.isArray(inputs) || !Array.isArray(files)) return undefined
    return { finished: finished === true, settings, inputs, files }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Makes way for new outputs of a subject: takes away those of an earlier run and what a kill left half written. */
export async function beginRecord(
  sink: Sink,
  input: PredictionInput,
  made: Pick<PredictionRecord, 'settings' | 'inputs'>,
): Promise<void> {
  const { names } = input
  const earlier = (await readRecord(sink, input))?.files ?? []
  const files = [...new Set([...earlier, ...imagesOf(names)])]
  await writeRecord(sink, names, { finished: false, ...made, files })
  for (const name of earlier) if (isInside(name)) await sink.remove(name)
}

/** Marks a subject as finished; its outputs are on disk. */
export function finishRecord(
  sink: Sink,
  { names }: PredictionInput,
  made: Omit<PredictionRecord, 'finished'>,
): Promise<void> {
  return writeRecord(sink, names, { finished: true, ...made })
}

function writeRecord(sink: Sink, names: OutputNames, record: PredictionRecord): Promise<void> {
  return sink.write(recordName(names), `${JSON.stringify(record, null, 2)}\n`)
}

/** How many subjects a prediction folder has records of besides `inputs`. */
export async function countOthers(sink: Sink, inputs: readonly PredictionInput[]): Promise<number> {
  const own = new Set(inputs.map(({ names }) => recordName(names)))
  return (await sink.list(RECORDS)).filter((name) => name.endsWith('.json') && !own.has(name)).length
}

/** Why a finished subject is not as these settings and inputs would make it; undefined when it is. */
export async function differenceFrom(
  sink: Sink,
  record: PredictionRecord,
  settings: Settings,
  inputs: readonly InputHash[],
): Promise<string | undefined> {
  for (const name of record.files) if (!(await sink.has(name))) return `${name} is gone`
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
export async function hashInputs(source: Source, input: PredictionInput): Promise<InputHash[]> {
  const hashes: InputHash[] = []
  for (const image of filesOf(input)) {
    const others: string[] = []
    for (const other of companionNames(image)) if (await source.has(other)) others.push(other)
    for (const file of [image, ...others]) {
      hashes.push({ file: basename(file), sha256: await sha256(await source.read(file)) })
    }
  }
  return hashes
}

/** Images and mask of a subject. */
export function filesOf({ images, mask }: PredictionInput): string[] {
  return [...images, ...(mask === undefined ? [] : [mask])]
}

function recordName({ folder, base }: OutputNames): string {
  return join(RECORDS, folder, `${base}.json`)
}

/** The images that may be written for a subject, relative to the prediction folder. */
export function imagesOf({ folder, base, normalized }: OutputNames): string[] {
  const maps = CLASSES.map((label) => `${base}_label-${label}_probseg`)
  return [...normalized, `${base}_dseg`, ...maps].map((name) => join(folder, `${name}.nii.gz`))
}

/** A record that somebody changed must not have files elsewhere removed. */
function isInside(name: string): boolean {
  return !isAbsolute(name) && !normalize(name).startsWith('..')
}
