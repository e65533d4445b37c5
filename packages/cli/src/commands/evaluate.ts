import { existsSync } from 'node:fs'
import path from 'node:path'
import {
  assertSameGrid,
  assertUsableImage,
  type Cell,
  formatTable,
  type LabelSpecification,
  type LabelVolume,
  labelConvention,
  MASK_FROM,
  type MaskFrom,
  missingFile,
  moveToZero,
  type PartlyLabelled,
  scaleIntensities,
  toInternalOrIgnored,
} from '@voxnorm/data'
import { makeFolder, openDataset, writeFileAtomically } from '@voxnorm/data/node'
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
import { familiarity, knownSplit } from '../evaluation/known-split.ts'
import { checkLabelOrder, type UnexplainedSide } from '../evaluation/label-order.ts'
import { assertFreeForScores } from '../evaluation/output-place.ts'
import { openPredictedLabels } from '../evaluation/predicted-labels.ts'
import { brainOf, readImage } from '../evaluation/scan.ts'
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
import { lockFolder } from '../folder-lock.ts'
import { labelsOfFlag } from '../label-conventions.ts'
import { changedSentence, countChanged } from '../prediction/changed-structure.ts'
import type { Log } from '../progress.ts'
import { tellListing } from '../tell-listing.ts'
import { shortNumber, textTable } from '../text-table.ts'

/** Which convention a segmentation is in; undefined where nothing says it. */
type PredictedLabels = (segmentation: string) => LabelSpecification | undefined

interface Evaluated {
  readonly score?: SubjectScore
  readonly split: string
  /** Labels that were read as bids because nothing says what they mean. */
  readonly unexplained?: UnexplainedSide
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
    { name: 'labels', kind: 'text', value: 'NAME', help: 'label convention of the reference, or a map' },
    {
      name: 'label-convention',
      kind: 'text',
      value: 'NAME',
      help: 'label convention of the predictions',
    },
    {
      name: 'mask-from',
      kind: 'text',
      value: 'HOW',
      choices: MASK_FROM,
      help: 'brain without a mask: auto, or positive',
    },
  ],
  example: 'voxnorm evaluate -i predictions --reference data/dataset.tsv',
  run: locked(async ({ arguments: parsed, log }) => {
    const input = textFlag(parsed, 'input')!
    const output = textFlag(parsed, 'output') ?? input
    const asked = textFlag(parsed, 'labels')
    const told = textFlag(parsed, 'label-convention')
    const prediction = told === undefined ? undefined : labelsOfFlag(told)
    const predicted = prediction === undefined ? openPredictedLabels(input) : () => prediction
    const maskFrom = (textFlag(parsed, 'mask-from') ?? MASK_FROM[0]) as MaskFrom
    // Segmentations can be scored without knowing the sites; only the comparison of sites is then empty.
    const place = textFlag(parsed, 'reference')!
    const dataset = await openDataset(place, {
      site: 'n/a',
      everyRunOf: [],
      onProgress: tellListing(log, place),
      ...(asked === undefined ? {} : { labels: labelsOfFlag(asked) }),
    })
    for (const warning of dataset.warnings) log.warning('data', warning)
    const { predictions, ambiguous } = await findPredictions(input, dataset)
    log.info('found', `${predictions.length} of ${dataset.subjects.length} subjects have predictions`)
    const unusable = [...dataset.subjects.filter(({ problem }) => problem !== undefined), ...ambiguous]
    let done = 0
    const { results, failures } = await forEachInput(
      [...predictions, ...unusable.map((subject) => ({ subject }))],
      ({ subject }) => subject.id,
      async (prediction) => {
        if (!('segmentation' in prediction)) throw prediction.subject.problem
        log.progress({ what: 'evaluate', done: done++, total: predictions.length, unit: 'subjects' })
        return await evaluateSubject(prediction, predicted, maskFrom, log)
      },
      log,
    )
    const scores = results.flatMap(({ score }) => (score === undefined ? [] : [score]))
    const unexplained = (side: UnexplainedSide) =>
      results.flatMap(({ score, unexplained }) => (score && unexplained === side ? [score.matrix] : []))
    const decided = asked !== undefined || told !== undefined
    checkLabelOrder(unexplained('reference'), 'reference', { place, decided, log })
    checkLabelOrder(unexplained('prediction'), 'prediction', { place: input, decided, log })
    for (const tissue of absentTissues(scores)) {
      log.warning('labels', `${place}: no reference has a voxel of ${tissue}; does --labels fit it?`)
    }
    const familiar = familiarity(results.flatMap(({ score, split }) => (score === undefined ? [] : [split])))
    if (familiar !== undefined) log.warning('split', familiar)
    const segmentation = results.flatMap(({ score, split }) =>
      (score?.rows ?? []).map((row) => ({ ...row, split })),
    )
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
    writeFailures(
      output,
      failures,
      predictions.map(({ subject }) => subject.id),
    )
    return {
      exitCode: failures.length > 0 ? EXIT.someFailed : EXIT.done,
      document: {
        output,
        segmentation,
        harmonization,
        notes: [limit, familiar].filter((note) => note !== undefined),
        mean: summary.mean,
        failures,
      },
      text: describe(segmentation, harmonization, [limit, familiar]),
    }
  }),
}

/** Checks the place of the tables before any work, and keeps other commands out of it until they are written. */
function locked(run: Command['run']): Command['run'] {
  return async (given) => {
    const input = textFlag(given.arguments, 'input')!
    const output = textFlag(given.arguments, 'output') ?? input
    assertFreeForScores(output, input, textFlag(given.arguments, 'reference')!)
    // Predictions that are not there are told of by whoever looks for them; a lock would make their folder.
    const lock = existsSync(input) ? lockFolder(output, 'evaluate') : undefined
    try {
      return await run(given)
    } finally {
      lock?.release()
    }
  }
}

async function evaluateSubject(
  prediction: Prediction,
  predictedLabels: PredictedLabels,
  maskFrom: MaskFrom,
  log: Log,
): Promise<Evaluated> {
  const { subject, segmentation, normalized, image } = prediction
  const missing = missingFile(subject, [image, subject.label, subject.mask])
  if (missing !== undefined) throw missing
  const stated = predictedLabels(segmentation)
  const predicted = await readLabels(segmentation, stated ?? 'bids', log)
  const reference =
    subject.label === undefined ? undefined : await readLabels(subject.label, subject.labels ?? 'bids', log)
  if (reference !== undefined) assertSameGrid(reference, predicted, subject.label!, segmentation)
  const score =
    reference === undefined
      ? undefined
      : scoreSegmentation(
          { id: subject.id, site: subject.site, predictionFile: segmentation, referenceFile: subject.label! },
          predicted,
          reference,
          reference.ignored,
        )
  const side: UnexplainedSide | undefined =
    subject.labels === undefined ? 'reference' : stated === undefined ? 'prediction' : undefined
  const scored = {
    split: knownSplit(segmentation, subject.split),
    ...(score === undefined ? {} : { score }),
    ...(side === undefined ? {} : { unexplained: side }),
  }
  if (normalized === undefined) return scored
  const { volume: before } = await readImage(image, log)
  const { volume: after } = await readImage(normalized, log)
  assertSameGrid(before, after, image, normalized)
  assertSameGrid(before, predicted, image, segmentation)
  assertUsableImage(before, image)
  const maskFile = subject.mask === undefined ? undefined : await readImage(subject.mask, log)
  if (maskFile !== undefined) assertSameGrid(before, maskFile.volume, image, maskFile.file)
  const mask = brainOf({ file: image, volume: before }, maskFile, maskFrom, log)
  // Labels are scored without it; only how alike the sites became stays unknown.
  if (mask === undefined) return scored
  const labels = reference ?? predicted
  const scaled = scaleIntensities(moveToZero(before, mask).data, mask, 'max', { file: image })
  const intensities = collectIntensities(subject.site, scaled, after.data, mask, labels.data)
  return { ...scored, intensities }
}

/** A label map in internal classes, with the voxels that its convention says to ignore. */
type ScoredLabels = LabelVolume & Pick<PartlyLabelled, 'ignored'>

async function readLabels(file: string, convention: LabelSpecification, log: Log): Promise<ScoredLabels> {
  const { data, ...volume } = (await readImage(file, log)).volume
  const { classes, ignored } = toInternalOrIgnored(data, labelConvention(convention), file)
  return { ...volume, data: classes, ...(ignored === undefined ? {} : { ignored }) }
}

/** Tissues of which no reference has a voxel, as with a convention that does not fit. */
function absentTissues(scores: readonly SubjectScore[]): readonly string[] {
  const absent = (tissue: string) =>
    scores.every(({ rows }) => rows.every((row) => row.label !== tissue || row.reference_mm3 === 0))
  return scores.length === 0 ? [] : TISSUES.filter(absent)
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
  notes: readonly (string | undefined)[],
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
  parts.push(...notes.filter((note) => note !== undefined))
  return parts.join('\n')
}
