import { stringify } from 'yaml'
import type { Config } from '../config/schema.ts'
import type { Sink } from '../storage.ts'
import { type DatasetRecord, METRICS, type MetricsLine, metricsLines, readMetrics } from './run-records.ts'

/** Which of the two checkpoints of a run. */
export type CheckpointName = 'latest' | 'best'

/** The folder of one training run, open for writing. */
export interface RunFolder {
  /** The folder as the user knows it. */
  readonly name: string
  writeConfig(config: Config): Promise<void>
  writeEnvironment(environment: unknown): Promise<void>
  writeDataset(dataset: DatasetRecord): Promise<void>
  /** tuning.json: which kernels the run computes with, where that was measured. */
  writeTuning(table: string): Promise<void>
  appendMetrics(line: MetricsLine): Promise<void>
  readMetrics(): Promise<MetricsLine[]>
  /** Forgets what a resumed run will measure again: everything after `iteration`, and the validation of an early stop. */
  truncateMetrics(iteration: number): Promise<void>
  /** Adds a line to log.txt. What goes wrong is told by the next metrics. */
  appendLog(line: string): void
  writeCheckpoint(name: CheckpointName, bytes: Uint8Array): Promise<void>
  /** Bytes of a checkpoint, or undefined when there is none yet. */
  readCheckpoint(name: CheckpointName): Promise<Uint8Array | undefined>
  /** A file of `model/`, for example `model.safetensors`. */
  writeModelFile(name: string, content: string | Uint8Array): Promise<void>
  readModelFile(name: string): Promise<Uint8Array | undefined>
  /** The preview of a subject, see prediction/preview.ts. */
  writeFigure(name: string, content: string): Promise<void>
  writeReport(html: string): Promise<void>
}

/** Folders inside a run folder. */
export const RUN_FOLDERS = ['checkpoints', 'model', 'figures'] as const

/** Opens a run folder for a new run, or for one that was killed at any moment and is resumed. */
export async function openRunFolder(sink: Sink): Promise<RunFolder> {
  await dropTornLine(sink)
  let lost: unknown
  return {
    name: sink.name,
    writeConfig: (config) => sink.write('config.resolved.yaml', stringify(config)),
    writeEnvironment: (environment) => sink.write('environment.json', json(environment)),
    writeDataset: (dataset) => sink.write('dataset.json', json(dataset)),
    writeTuning: (table) => sink.write('tuning.json', table),
    appendMetrics(line) {
      if (lost !== undefined) throw lost
      return sink.append(METRICS, `${JSON.stringify(line)}\n`)
    },
    readMetrics: () => readMetrics(sink),
    truncateMetrics: (iteration) => keepUntil(sink, iteration),
    appendLog(line) {
      sink.append('log.txt', line).catch((error) => {
        lost ??= error
      })
    },
    writeCheckpoint: (name, bytes) => sink.write(`checkpoints/${name}.safetensors`, bytes),
    readCheckpoint: (name) => sink.read(`checkpoints/${name}.safetensors`),
    writeModelFile: (name, content) => sink.write(`model/${name}`, content),
    readModelFile: (name) => sink.read(`model/${name}`),
    writeFigure: (name, content) => sink.write(`figures/${name}`, content),
    writeReport: (html) => sink.write('report.html', html),
  }
}

/** A kill in the middle of a write leaves a line without its end; whatever follows would be glued to it. */
async function dropTornLine(sink: Sink): Promise<void> {
  const bytes = await sink.read(METRICS)
  // The file is there from the beginning on: its absence would be that of a run.
  if (bytes === undefined) return sink.append(METRICS, '')
  const end = bytes.lastIndexOf(0x0a) + 1
  if (end < bytes.length) await sink.write(METRICS, bytes.subarray(0, end))
}

async function keepUntil(sink: Sink, iteration: number): Promise<void> {
  const lines = await metricsLines(sink)
  const later = lines.findIndex(({ line }) => line.iteration > iteration)
  const kept = later < 0 ? [...lines] : lines.slice(0, later)
  // The validation of an epoch is followed by the line of the epoch.
  if (kept.at(-1)?.line.kind === 'validation') kept.pop()
  if (kept.length < lines.length) await sink.write(METRICS, kept.map(({ text }) => `${text}\n`).join(''))
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
