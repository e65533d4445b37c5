import { existsSync } from 'node:fs'
import { MASK_FROM, type MaskFrom, TISSUES } from '@voxnorm/data'
import { openDataset } from '@voxnorm/data/node'
import {
  evaluateAll,
  HARMONIZATION_COLUMNS,
  type HarmonizationRow,
  type SegmentationRow,
  writeEvaluation,
} from '@voxnorm/pipeline'
import {
  assertFreeForScores,
  countChanged,
  findPredictions,
  knownSplit,
  lockFolder,
  openDiskSink,
  openDiskSource,
  openPredictedLabels,
  tellListing,
} from '@voxnorm/pipeline/node'
import { labelsOfFlag } from '@voxnorm/pipeline/training'
import { shortNumber, textTable } from '@voxnorm/pipeline/words'
import type { Command } from '../command.ts'
import { textFlag } from '../command-line.ts'
import { EXIT, judge } from '../exit-codes.ts'

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
    const evaluation = await evaluateAll({
      predictions,
      unusable: [...dataset.subjects.filter(({ problem }) => problem !== undefined), ...ambiguous],
      source: openDiskSource(),
      factsOf: ({ segmentation, subject }) => ({
        labels: predicted(segmentation),
        split: knownSplit(segmentation, subject.split),
      }),
      maskFrom,
      reference: place,
      folder: input,
      labelsDecided: asked !== undefined || told !== undefined,
      howToDecide: (side, meaning) => {
        const flag = side === 'reference' ? '--labels' : '--label-convention'
        return `decide with ${flag} ${meaning}, or with ${flag} bids`
      },
      changed: countChanged(predictions.map(({ segmentation }) => segmentation)),
      log,
      judge,
    })
    await writeEvaluation(
      openDiskSink(output),
      evaluation,
      predictions.map(({ subject }) => subject.id),
    )
    const { segmentation, harmonization, summary, failures, notes } = evaluation
    return {
      exitCode: failures.length > 0 ? EXIT.someFailed : EXIT.done,
      document: {
        output,
        segmentation,
        harmonization,
        notes,
        mean: summary.mean,
        failures,
      },
      text: describe(segmentation, harmonization, notes),
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

function describe(
  segmentation: readonly SegmentationRow[],
  harmonization: readonly HarmonizationRow[],
  notes: readonly string[],
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
  parts.push(...notes)
  return parts.join('\n')
}
