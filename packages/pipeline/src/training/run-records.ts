import type { LabelSpecification } from '@voxnorm/data'
import { readText, type Sink } from '../storage.ts'

/** The file of what a training measured. */
export const METRICS = 'metrics.jsonl'

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

/** Reads metrics.jsonl; a torn last line, left by a kill or still being written, is skipped. */
export async function readMetrics(sink: Pick<Sink, 'read'>): Promise<MetricsLine[]> {
  return (await metricsLines(sink)).map(({ line }) => line)
}

/** The lines of metrics.jsonl as text and as what they say. */
export async function metricsLines(sink: Pick<Sink, 'read'>) {
  const lines = ((await readText(sink, METRICS)) ?? '').split('\n')
  lines.pop()
  return lines.filter((line) => line !== '').map((text) => ({ text, line: JSON.parse(text) as MetricsLine }))
}
