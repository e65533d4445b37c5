import { type Cell, type Dataset, formatTable, type Subject, TISSUES } from '@voxnorm/data'
import { type Failure, forEachInput, writeFailures } from '../failures.ts'
import { changedSentence } from '../prediction/changed-structure.ts'
import type { Sink } from '../storage.ts'
import { evaluateSubject, type Prediction, type SubjectEvaluation } from './evaluate-subject.ts'
import { HARMONIZATION_COLUMNS, type HarmonizationRow, harmonizationRows } from './harmonization.ts'
import { familiarity } from './known-split.ts'
import { checkLabelOrder, type HowToDecide, type UnexplainedSide } from './label-order.ts'
import { SEGMENTATION_COLUMNS, type SegmentationRow, type SubjectScore, summarize } from './segmentation.ts'
import { classifierLimit } from './site-classifier.ts'

/** Predictions of the subjects of a data set, and what is needed to score them. */
export interface EvaluationTask extends SubjectEvaluation {
  readonly predictions: readonly Prediction[]
  /** Subjects with a `problem`: they fail with it. */
  readonly unusable: readonly Subject[]
  /** Names of the data set and of the folder of predictions, for messages. */
  readonly reference: Dataset['path']
  readonly folder: string
  /** Whether the user said what the labels mean. */
  readonly labelsDecided: boolean
  readonly howToDecide: HowToDecide
  /** How many of the predictions do not keep the structure of their image. */
  readonly changed: number
}

/** The tables of an evaluation. */
export interface Evaluation {
  /** A row for every subject and tissue, with what the subject was to the model. */
  readonly segmentation: readonly (SegmentationRow & { readonly split: string })[]
  readonly harmonization: readonly HarmonizationRow[]
  readonly summary: ReturnType<typeof summarize>
  readonly failures: readonly Failure[]
  /** Sentences on what the numbers are worth. */
  readonly notes: readonly string[]
}

/**
 * Scores segmentations against the labels of a data set, and how alike the sites became. Inputs that cannot be used are
 * told of and the others are done; see {@link forEachInput}. Throws DataError where the labels seem to mean something else.
 */
export async function evaluateAll(task: EvaluationTask): Promise<Evaluation> {
  const { predictions, unusable, reference, folder, labelsDecided: decided, howToDecide, log, judge } = task
  let done = 0
  const { results, failures } = await forEachInput(
    [...predictions, ...unusable.map((subject) => ({ subject }))],
    ({ subject }) => subject.id,
    async (prediction) => {
      if (!('segmentation' in prediction)) throw prediction.subject.problem
      log.progress({ what: 'evaluate', done: done++, total: predictions.length, unit: 'subjects' })
      return await evaluateSubject(prediction, task)
    },
    { log, judge },
  )
  const scores = results.flatMap(({ score }) => (score === undefined ? [] : [score]))
  const unexplained = (side: UnexplainedSide) =>
    results.flatMap(({ score, unexplained }) => (score && unexplained === side ? [score.matrix] : []))
  checkLabelOrder(unexplained('reference'), 'reference', { place: reference, decided, howToDecide, log })
  checkLabelOrder(unexplained('prediction'), 'prediction', { place: folder, decided, howToDecide, log })
  for (const tissue of absentTissues(scores)) {
    log.warning(
      'labels',
      `${reference}: no reference has a voxel of ${tissue}; does its label convention fit it?`,
    )
  }
  const familiar = familiarity(results.flatMap(({ score, split }) => (score === undefined ? [] : [split])))
  if (familiar !== undefined) log.warning('split', familiar)
  const segmentation = results.flatMap(({ score, split }) =>
    (score?.rows ?? []).map((row) => ({ ...row, split })),
  )
  const known = results.flatMap(({ intensities }) => intensities ?? []).filter(({ site }) => site !== 'n/a')
  const harmonization = harmonizationRows(known)
  if (harmonization.length > 0 && task.changed > 0) log.warning('structure', changedSentence(task.changed))
  const limit = classifierLimit(known.map(({ site }) => site))
  return {
    segmentation,
    harmonization,
    summary: summarize(scores.map((score) => score.summary)),
    failures,
    notes: [limit, familiar].filter((note) => note !== undefined),
  }
}

/** Writes the tables of an evaluation; `treated` are the subjects of which there are predictions. */
export async function writeEvaluation(
  sink: Sink,
  { segmentation, harmonization, summary, failures }: Evaluation,
  treated: readonly string[],
): Promise<void> {
  await sink.write('segmentation.tsv', tableText(SEGMENTATION_COLUMNS, segmentation))
  await sink.write('harmonization.tsv', tableText(HARMONIZATION_COLUMNS, harmonization))
  await sink.write('summary.json', `${JSON.stringify(summary, null, 2)}\n`)
  await writeFailures(sink, failures, treated)
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
