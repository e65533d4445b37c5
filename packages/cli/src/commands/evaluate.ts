import path from 'node:path'
import {
  assertSameGrid,
  type Cell,
  formatTable,
  type LabelSpecification,
  type LabelVolume,
  labelConvention,
  scaleIntensities,
  toInternal,
} from '@voxnorm/data'
import { makeFolder, openDataset, readVolumeFile, writeFileAtomically } from '@voxnorm/data/node'
import type { Command } from '../command.ts'
import { textFlag } from '../command-line.ts'
import { findPredictions, type Prediction } from '../evaluation/find-predictions.ts'
import {
  collectIntensities,
  HARMONIZATION_COLUMNS,
  type HarmonizationRow,
  harmonizationRows,
  type SubjectIntensities,
} from '../evaluation/harmonization.ts'
import { predictedLabels } from '../evaluation/predicted-labels.ts'
import {
  SEGMENTATION_COLUMNS,
  type SegmentationRow,
  type SubjectScore,
  scoreSegmentation,
  summarize,
  TISSUES,
} from '../evaluation/segmentation.ts'
import { classifierLimit } from '../evaluation/site-classifier.ts'
import { EXIT } from '../exit-codes.ts'
import { forEachInput, writeFailures } from '../failures.ts'
import { conventionName } from '../label-conventions.ts'
import { changedSentence, countChanged } from '../prediction/changed-structure.ts'
import { shortNumber, textTable } from '../text-table.ts'

interface Conventions {
  readonly reference: LabelSpecification
  readonly prediction: LabelSpecification
}

interface Evaluated {
  readonly score?: SubjectScore
  readonly intensities?: SubjectIntensities
}

/** `voxnorm evaluate`: scores a prediction folder against the labels of a dataset, and how alike the sites became. */
export const evaluate: Command = {
  name: 'evaluate',
  summary: 'Scores segmentations against a reference, and how alike the sites became.',
  usage: 'evaluate -i OUT --reference DATASET [-o DIR] [flags]',
  positionals: { name: 'ARGUMENT', minimum: 0, maximum: 0 },
  flags: [
    {
      name: 'input',
      short: 'i',
      kind: 'text',
      value: 'OUT',
      required: true,
      help: 'folder written by predict',
    },
    {
      name: 'reference',
      kind: 'text',
      value: 'DATASET',
      required: true,
      help: 'dataset.tsv or a dataset folder',
    },
    {
      name: 'output',
      short: 'o',
      kind: 'text',
      value: 'DIR',
      help: 'where to write the tables (default: OUT)',
    },
    { name: 'labels', kind: 'text', value: 'NAME', help: 'label convention of the reference (bids)' },
    {
      name: 'label-convention',
      kind: 'text',
      value: 'NAME',
      help: 'label convention of the predictions',
    },
  ],
  example: 'voxnorm evaluate -i predictions --reference data/dataset.tsv',
  async run({ arguments: parsed, log }) {
    const input = textFlag(parsed, 'input')!
    const output = textFlag(parsed, 'output') ?? input
    const asked = textFlag(parsed, 'labels')
    const told = textFlag(parsed, 'label-convention')
    const conventions: Conventions = {
      reference: asked === undefined ? 'bids' : conventionName(asked),
      prediction: told === undefined ? (predictedLabels(input) ?? 'bids') : conventionName(told),
    }
    // Segmentations can be scored without knowing the sites; only the comparison of sites is then empty.
    const dataset = await openDataset(textFlag(parsed, 'reference')!, {
      site: 'n/a',
      ...(asked === undefined ? {} : { labels: conventions.reference }),
    })
    for (const warning of dataset.warnings) log.warning('data', warning)
    const predictions = findPredictions(input, dataset)
    log.info('found', `${predictions.length} of ${dataset.subjects.length} subjects have predictions`)
    let done = 0
    const { results, failures } = await forEachInput(
      predictions,
      ({ subject }) => subject.id,
      async (prediction) => {
        log.progress({ what: 'evaluate', done: done++, total: predictions.length, unit: 'subjects' })
        return await evaluateSubject(prediction, conventions)
      },
      log,
    )
    const scores = results.flatMap(({ score }) => (score === undefined ? [] : [score]))
    const segmentation = scores.flatMap(({ rows }) => rows)
    const known = results.flatMap(({ intensities }) => intensities ?? []).filter(({ site }) => site !== 'n/a')
    const harmonization = harmonizationRows(known)
    const changed = countChanged(predictions.map(({ segmentation }) => segmentation))
    if (harmonization.length > 0 && changed > 0) log.warning('structure', changedSentence(changed))
    const limit = classifierLimit(known.map(({ site }) => site))
    const summary = summarize(scores.map((score) => score.summary))

    makeFolder(output)
    const write = (name: string, content: string) => writeFileAtomically(path.join(output, name), content)
    write('segmentation.tsv', tableText(SEGMENTATION_COLUMNS, segmentation))
    write('harmonization.tsv', tableText(HARMONIZATION_COLUMNS, harmonization))
    write('summary.json', `${JSON.stringify(summary, null, 2)}\n`)
    writeFailures(output, failures)
    return {
      exitCode: failures.length > 0 ? EXIT.someFailed : EXIT.done,
      document: {
        output,
        segmentation,
        harmonization,
        notes: limit === undefined ? [] : [limit],
        mean: summary.mean,
        failures,
      },
      text: describe(segmentation, harmonization, limit),
    }
  },
}

async function evaluateSubject(prediction: Prediction, conventions: Conventions): Promise<Evaluated> {
  const { subject, segmentation, normalized, image } = prediction
  const predicted = await readLabels(segmentation, conventions.prediction)
  const reference =
    subject.label === undefined
      ? undefined
      : await readLabels(subject.label, subject.labels ?? conventions.reference)
  if (reference !== undefined) assertSameGrid(reference, predicted, subject.label!, segmentation)
  const score =
    reference === undefined
      ? undefined
      : scoreSegmentation(
          { id: subject.id, site: subject.site, predictionFile: segmentation, referenceFile: subject.label! },
          predicted,
          reference,
        )
  if (normalized === undefined) return score === undefined ? {} : { score }
  const before = await readVolumeFile(image)
  const after = await readVolumeFile(normalized)
  assertSameGrid(before, after, image, normalized)
  assertSameGrid(before, predicted, image, segmentation)
  const brain = subject.mask === undefined ? before : await readVolumeFile(subject.mask)
  assertSameGrid(before, brain, image, subject.mask ?? image)
  const mask = Uint8Array.from(brain.data, (value) => (value > 0 ? 1 : 0))
  const labels = reference ?? predicted
  const scaled = scaleIntensities(before.data, mask, 'max', image)
  const intensities = collectIntensities(subject.site, scaled, after.data, mask, labels.data)
  return { ...(score === undefined ? {} : { score }), intensities }
}

async function readLabels(file: string, convention: LabelSpecification): Promise<LabelVolume> {
  const { data, ...volume } = await readVolumeFile(file)
  return { ...volume, data: toInternal(data, labelConvention(convention), file) }
}

/** Numbers with six significant digits: more would pretend to a precision that no segmentation has. */
function tableText(columns: readonly string[], rows: readonly object[]): string {
  const cells = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row as Record<string, Cell>).map(([name, value]) => [
        name,
        typeof value === 'number' && !Number.isNaN(value) ? Number(value.toPrecision(6)) : value,
      ]),
    ),
  )
  return formatTable(columns, cells)
}

function describe(
  segmentation: readonly SegmentationRow[],
  harmonization: readonly HarmonizationRow[],
  limit: string | undefined,
): string {
  const sites = [...new Set(segmentation.map(({ site }) => site))].sort()
  const rows = [...sites, 'all'].flatMap((site) =>
    TISSUES.map((tissue) => {
      const own = segmentation.filter((row) => row.label === tissue && (site === 'all' || row.site === site))
      const mean = (pick: (row: SegmentationRow) => number) => {
        const values = own.map(pick).filter((value) => !Number.isNaN(value))
        return shortNumber(values.reduce((sum, value) => sum + value, 0) / values.length)
      }
      return [
        site,
        tissue,
        String(own.length),
        mean((row) => row.dice),
        mean((row) => row.hd95),
        mean((row) => row.assd),
      ]
    }),
  )
  const parts: string[] = []
  if (segmentation.length > 0) {
    parts.push(
      'Segmentation, means over subjects (distances in mm)',
      textTable(['site', 'label', 'subjects', 'dice', 'hd95', 'assd'], rows),
    )
  }
  if (harmonization.length > 0) {
    parts.push(
      `${parts.length > 0 ? '\n' : ''}Harmonisation, before and after (jsd in nats, wasserstein in units of the scaled image)`,
      textTable(
        HARMONIZATION_COLUMNS,
        harmonization.map((row) => [
          row.measure,
          row.site_a,
          row.site_b,
          row.tissue,
          shortNumber(row.raw),
          shortNumber(row.normalized),
        ]),
      ),
    )
  }
  if (limit !== undefined) parts.push(limit)
  return parts.join('\n')
}
