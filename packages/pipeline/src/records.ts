import { DataError, MissingInputError, parseTable, type Table } from '@voxnorm/data'
import { basename, resolve } from 'pathe'
import { type Failure, readFailures } from './failures.ts'
import type { Preview } from './prediction/preview.ts'
import { readText, type Sink } from './storage.ts'
import { type DatasetRecord, type MetricsLine, readMetrics } from './training/run-records.ts'

/** What a run folder tells of a training: all that its report is made of. */
export interface RunRecords {
  /** The name of the folder, without the way to it. */
  readonly name: string
  /** The text of config.resolved.yaml. */
  readonly config: string
  readonly dataset: DatasetRecord
  readonly metrics: readonly MetricsLine[]
  readonly environment: Readonly<Record<string, unknown>>
  readonly previews: readonly Preview[]
}

/** What a folder of predictions tells, with the tables of an evaluation where they lie beside them. */
export interface PredictionRecords {
  readonly name: string
  readonly previews: readonly Preview[]
  readonly failures: readonly Failure[]
  readonly segmentation?: Table
  readonly harmonization?: Table
  /** The tables of volumes by the name of their image. */
  readonly volumes: readonly { readonly image: string; readonly table: Table }[]
}

/** Reads a run folder. Throws MissingInputError when it is none. */
export async function readRunRecords(sink: Sink): Promise<RunRecords> {
  return {
    name: basename(resolve(sink.name)),
    config: await required(sink, 'config.resolved.yaml'),
    dataset: parseJson(sink, 'dataset.json', await required(sink, 'dataset.json')),
    metrics: await readMetrics(sink),
    environment: parseJson(sink, 'environment.json', (await readText(sink, 'environment.json')) ?? '{}'),
    previews: await readPreviews(sink),
  }
}

/** Reads a folder of predictions. Throws MissingInputError when it has no previews. */
export async function readPredictionRecords(sink: Sink): Promise<PredictionRecords> {
  const previews = await readPreviews(sink)
  if (previews.length === 0) {
    throw new MissingInputError('there is nothing to report here.', {
      file: sink.name,
      fix: 'give the folder of a training or of predictions',
    })
  }
  const tableIn = async (name: string) => {
    const text = await readText(sink, name)
    return text === undefined ? undefined : parseTable(text, `${sink.name}/${name}`)
  }
  const volumes: { image: string; table: Table }[] = []
  for (const name of await sink.list()) {
    if (!name.endsWith('_volumes.tsv')) continue
    const table = await tableIn(name)
    if (table) volumes.push({ image: basename(name).replace(/_volumes\.tsv$/, ''), table })
  }
  const segmentation = await tableIn('segmentation.tsv')
  const harmonization = await tableIn('harmonization.tsv')
  return {
    name: basename(resolve(sink.name)),
    previews,
    failures: await readFailures(sink),
    ...(segmentation && { segmentation }),
    ...(harmonization && { harmonization }),
    volumes,
  }
}

/** The previews of a run or prediction folder in the order of site and participant. */
async function readPreviews(sink: Sink): Promise<Preview[]> {
  const previews: Preview[] = []
  for (const name of await sink.list('figures')) {
    if (!/^figures\/[^./][^/]*\.json$/.test(name)) continue
    previews.push(parseJson(sink, name, (await readText(sink, name)) ?? ''))
  }
  return previews.sort((a, b) => a.site.localeCompare(b.site) || a.participant.localeCompare(b.participant))
}

async function required(sink: Sink, name: string): Promise<string> {
  const text = await readText(sink, name)
  if (text !== undefined) return text
  throw new MissingInputError('this file of a run folder cannot be read.', {
    file: `${sink.name}/${name}`,
    fix: 'give the folder of a training',
  })
}

function parseJson<T>(sink: Sink, name: string, text: string): T {
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new DataError('this is not valid JSON.', { file: `${sink.name}/${name}`, cause })
  }
}
