import type { MetricsLine } from '@voxnorm/pipeline'
import { matrixChart } from './charts/charts.ts'
import type { Collapse } from './collapse.ts'
import type { Section } from './page.ts'

/** What a discriminator took validation patches for. */
export interface Judgements {
  /** The sites, and `generated`. */
  readonly names: readonly string[]
  /** Shares of all patches: rows are what a patch is, columns what it was taken for. */
  readonly rows: readonly (readonly number[])[]
}

/** Those of the last validation that had any. */
export function judgementsOf(
  metrics: readonly MetricsLine[],
  sites: readonly string[],
): Judgements | undefined {
  const names = [...sites, 'generated']
  const key = (actual: string, predicted: string) => `dis.confusion.${actual}.${predicted}`
  const line = metrics.findLast((one) => Number.isFinite(one[key(names[0]!, names[0]!)]))
  if (line === undefined) return undefined
  const share = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
  return { names, rows: names.map((actual) => names.map((one) => share(line[key(actual, one)]))) }
}

/** The matrix, and what can be read from it. */
export function confusionSection({ names, rows }: Judgements, collapse: Collapse | undefined): Section {
  const sentences = [
    'Shares of all patches; all cells add up to 1. A generator that wins makes the discriminator take generated patches for real ones of every site alike.',
    ...(collapse === undefined
      ? []
      : ['This one has collapsed to one answer: nothing can be read from it about the generator.']),
  ]
  return {
    id: 'confusion',
    title: 'Confusion of the discriminator',
    body: `${matrixChart(names, rows)}<p class="note">${sentences.join(' ')}</p>`,
  }
}
