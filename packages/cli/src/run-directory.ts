import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs'
import path from 'node:path'
import { type LabelSpecification, OutputError } from '@voxnorm/data'
import {
  makeFolder,
  outputFailure,
  removeTemporaryFiles,
  writeFileAtomically,
  writeFully,
} from '@voxnorm/data/node'
import { stringify } from 'yaml'
import type { Config } from './config/schema.ts'
import { contentsOf } from './output-folder.ts'

/** One line of metrics.jsonl: what it is about, when, and flat numbers such as `loss.seg`. */
export interface MetricsLine {
  readonly kind: 'step' | 'epoch' | 'validation'
  readonly epoch: number
  readonly iteration: number
  /** Seconds since the run began, pauses between resumes left out. */
  readonly time: number
  readonly [name: string]: string | number
}

/** dataset.json: which subjects a run used and for what. */
export interface DatasetRecord {
  /** Domain names; the position is the number of the domain. */
  readonly sites: readonly string[]
  readonly modalities: readonly string[]
  readonly rows: readonly {
    readonly participant_id: string
    readonly site: string
    readonly split: string
    readonly images: Readonly<Record<string, string>>
    readonly label?: string
    /** Its label convention, where the settings or the data say one; else it was read as bids. */
    readonly labels?: LabelSpecification
    readonly mask?: string
  }[]
}

/** Which of the two checkpoints of a run. */
export type CheckpointName = 'latest' | 'best'

/** The folder of one training run, open for writing. */
export interface RunDirectory {
  readonly path: string
  writeConfig(config: Config): void
  writeEnvironment(environment: unknown): void
  writeDataset(dataset: DatasetRecord): void
  /** tuning.json: which kernels the run computes with, where that was measured. */
  writeTuning(table: string): void
  appendMetrics(line: MetricsLine): void
  /** Forgets what a resumed run will measure again: everything after `iteration`, and the validation of an early stop. */
  truncateMetrics(iteration: number): void
  appendLog(line: string): void
  writeCheckpoint(name: CheckpointName, bytes: Uint8Array): void
  /** Bytes of a checkpoint, or undefined when there is none yet. */
  readCheckpoint(name: CheckpointName): Uint8Array | undefined
  /** A file of `model/`, for example `model.safetensors`. */
  writeModelFile(name: string, content: string | Uint8Array): void
  /** The preview of a subject, see report/preview.ts. */
  writeFigure(name: string, content: string): void
  writeReport(html: string): void
  close(): void
}

const FOLDERS = ['checkpoints', 'model', 'figures'] as const

/**
 * Opens a run folder: a new or empty one, or with `resume` also one that holds a run, killed at any moment.
 *
 * A run that was killed before it wrote anything is resumed by starting it. Throws OutputError (73) when a run is there
 * and `resume` is false, when something else is there, or when the folder cannot be made.
 */
export function openRunDirectory(folder: string, options: { readonly resume: boolean }): RunDirectory {
  assertFreeForRun(folder, options)
  makeFolder(folder)
  for (const name of FOLDERS) makeFolder(path.join(folder, name))
  for (const name of ['.', ...FOLDERS]) removeTemporaryFiles(path.join(folder, name))

  const inside = (...parts: string[]) => path.join(folder, ...parts)
  const metricsFile = inside('metrics.jsonl')
  const metrics = guarded(metricsFile, () => openSync(metricsFile, 'a+'))
  dropTornLine(metrics, metricsFile)

  return {
    path: folder,
    writeConfig: (config) => writeFileAtomically(inside('config.resolved.yaml'), stringify(config)),
    writeEnvironment: (environment) => writeFileAtomically(inside('environment.json'), json(environment)),
    writeDataset: (dataset) => writeFileAtomically(inside('dataset.json'), json(dataset)),
    writeTuning: (table) => writeFileAtomically(inside('tuning.json'), table),
    appendMetrics: (line) =>
      guarded(metricsFile, () => writeFully(metrics, Buffer.from(`${JSON.stringify(line)}\n`))),
    truncateMetrics: (iteration) => guarded(metricsFile, () => keepUntil(metrics, metricsFile, iteration)),
    appendLog: (line) => guarded(inside('log.txt'), () => appendFileSync(inside('log.txt'), line)),
    writeCheckpoint(name, bytes) {
      // Metrics must reach the disk before a checkpoint that claims them.
      guarded(metricsFile, () => fsyncSync(metrics))
      writeFileAtomically(inside('checkpoints', `${name}.safetensors`), bytes)
    },
    readCheckpoint(name) {
      const file = inside('checkpoints', `${name}.safetensors`)
      return existsSync(file) ? readFileSync(file) : undefined
    },
    writeModelFile: (name, content) => writeFileAtomically(inside('model', name), content),
    writeFigure: (name, content) => writeFileAtomically(inside('figures', name), content),
    writeReport: (html) => writeFileAtomically(inside('report.html'), html),
    close: () => closeSync(metrics),
  }
}

/** Throws OutputError where {@link openRunDirectory} would, and writes nothing: for a check before long work. */
export function assertFreeForRun(folder: string, options: { readonly resume: boolean }): void {
  const holdsRun = existsSync(path.join(folder, 'config.resolved.yaml'))
  if (!(options.resume && holdsRun)) refuseOccupied(folder, holdsRun)
}

/** Reads metrics.jsonl; a torn last line, left by a kill or still being written, is skipped. */
export function readMetrics(file: string): MetricsLine[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  lines.pop()
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as MetricsLine)
}

function refuseOccupied(folder: string, holdsRun: boolean): void {
  if (!existsSync(folder)) return
  if (!statSync(folder).isDirectory()) {
    throw new OutputError('a file with the name of the run folder exists.', {
      file: folder,
      fix: 'choose another name',
    })
  }
  if (holdsRun) {
    throw new OutputError('this folder already holds a run.', {
      file: folder,
      fix: 'add --resume to continue it, or choose another folder',
    })
  }
  // A run that was killed before its first file leaves empty folders and temporary files only.
  const foreign = contentsOf(folder).filter((name) => !isOwnLeftover(folder, name))
  if (foreign.length > 0) {
    throw new OutputError(`this folder is not empty (${foreign.slice(0, 3).join(', ')}).`, {
      file: folder,
      fix: `choose a new folder for the run, for example ${path.join(folder, 'run')}`,
    })
  }
}

function isOwnLeftover(folder: string, name: string): boolean {
  if (name === 'metrics.jsonl' || name === 'log.txt') return true
  const at = path.join(folder, name)
  return FOLDERS.some((own) => own === name) && statSync(at).isDirectory() && readdirSync(at).length === 0
}

/** A kill in the middle of a write leaves a line without its end; whatever follows would be glued to it. */
function dropTornLine(descriptor: number, file: string): void {
  const bytes = readFileSync(file)
  const end = bytes.lastIndexOf(0x0a) + 1
  if (end < bytes.length) guarded(file, () => ftruncateSync(descriptor, end))
}

function keepUntil(descriptor: number, file: string, iteration: number): void {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((text) => ({ text, line: JSON.parse(text) as MetricsLine }))
  const later = lines.findIndex(({ line }) => line.iteration > iteration)
  const kept = later < 0 ? lines : lines.slice(0, later)
  // The validation of an epoch is followed by the line of the epoch.
  if (kept.at(-1)?.line.kind === 'validation') kept.pop()
  const end = kept.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0)
  ftruncateSync(descriptor, end)
  fsyncSync(descriptor)
}

function guarded<T>(file: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw outputFailure(error, file)
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
