import {
  CLASSES,
  type ConfusionMatrix,
  classDistances,
  confusionMatrix,
  diceOfMatrix,
  type LabelVolume,
  type SegmentationDistances,
  TISSUES,
  type Tissue,
  voxelSizes,
} from '@voxnorm/data'

/** How well one tissue of one subject was segmented: a row of segmentation.tsv. */
export interface SegmentationRow {
  readonly participant_id: string
  readonly site: string
  readonly label: Tissue
  readonly dice: number
  /** Distances in mm, NaN when exactly one of the maps lacks the tissue. */
  readonly hd95: number
  readonly hd: number
  readonly mhd: number
  readonly assd: number
  readonly volume_mm3: number
  readonly reference_mm3: number
}

/** Columns of segmentation.tsv; `split` is what the subject was to the model. */
export const SEGMENTATION_COLUMNS = [
  'participant_id',
  'site',
  'label',
  'dice',
  'hd95',
  'hd',
  'mhd',
  'assd',
  'volume_mm3',
  'reference_mm3',
  'split',
] as const

/** One case of summary.json in the words of nnU-Net; the keys are BIDS label numbers. */
export interface SummaryCase {
  readonly reference_file: string
  readonly prediction_file: string
  readonly metrics: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** nnU-Net's summary.json. */
export interface Summary {
  readonly metric_per_case: readonly SummaryCase[]
  readonly mean: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly foreground_mean: Readonly<Record<string, number>>
}

/** The scores of one subject in both shapes. */
export interface SubjectScore {
  readonly rows: readonly SegmentationRow[]
  readonly summary: SummaryCase
  /** Voxels by class, rows are the reference. */
  readonly matrix: ConfusionMatrix
}

const BIDS_NUMBERS: Readonly<Record<Tissue, string>> = { GM: '1', WM: '2', CSF: '3' }

/** Which subject and files a score belongs to. */
export interface ScoredSubject {
  readonly id: string
  readonly site: string
  readonly predictionFile: string
  readonly referenceFile: string
}

/**
 * Compares two maps of internal classes on one grid, tissue by tissue. Where `ignored` is 1, voxels are left out; for
 * distances, they are background in both.
 */
export function scoreSegmentation(
  subject: ScoredSubject,
  prediction: LabelVolume,
  reference: LabelVolume,
  ignored?: Uint8Array,
): SubjectScore {
  const counted = (labels: Uint8Array) =>
    ignored ? labels.filter((_, voxel) => ignored[voxel] === 0) : labels
  const matrix = confusionMatrix(counted(reference.data), counted(prediction.data), CLASSES.length)
  const there = (labels: Uint8Array) =>
    ignored ? labels.map((label, voxel) => (ignored[voxel] === 0 ? label : 0)) : labels
  const [predicted, actual] = [there(prediction.data), there(reference.data)]
  const dice = diceOfMatrix(matrix)
  const spacing = voxelSizes(reference.affine)
  const voxel = spacing[0] * spacing[1] * spacing[2]
  const metrics: Record<string, Record<string, number>> = {}
  const rows = TISSUES.map((tissue): SegmentationRow => {
    const label = CLASSES.indexOf(tissue)
    const distances = classDistances(predicted, actual, label, reference.shape, spacing)
    const counts = countsOf(matrix, label)
    metrics[BIDS_NUMBERS[tissue]] = summaryMetrics(counts, dice[label]!, distances)
    return {
      participant_id: subject.id,
      site: subject.site,
      label: tissue,
      dice: dice[label]!,
      hd95: distances.hd95,
      hd: distances.hd,
      mhd: distances.mhd,
      assd: distances.assd,
      volume_mm3: counts.predicted * voxel,
      reference_mm3: counts.actual * voxel,
    }
  })
  const files = { reference_file: subject.referenceFile, prediction_file: subject.predictionFile }
  return { rows, summary: { ...files, metrics }, matrix }
}

/** Puts cases together: means over the cases per label, and over labels. NaN values are left out of means. */
export function summarize(cases: readonly SummaryCase[]): Summary {
  const mean: Record<string, Record<string, number>> = {}
  for (const number of Object.values(BIDS_NUMBERS).sort()) {
    mean[number] = meanOf(cases.map(({ metrics }) => metrics[number]!))
  }
  return { metric_per_case: cases, mean, foreground_mean: meanOf(Object.values(mean)) }
}

interface Counts {
  readonly hit: number
  readonly predicted: number
  readonly actual: number
  readonly total: number
}

function countsOf({ counts, total }: ConfusionMatrix, label: number): Counts {
  return {
    hit: counts[label]![label]!,
    predicted: counts.reduce((sum, row) => sum + row[label]!, 0),
    actual: counts[label]!.reduce((sum, count) => sum + count, 0),
    total,
  }
}

function summaryMetrics(
  counts: Counts,
  dice: number,
  distances: SegmentationDistances,
): Record<string, number> {
  const { hit, predicted, actual, total } = counts
  const union = predicted + actual - hit
  return {
    Dice: dice,
    IoU: union === 0 ? 1 : hit / union,
    TP: hit,
    FP: predicted - hit,
    FN: actual - hit,
    TN: total - union,
    n_pred: predicted,
    n_ref: actual,
    HD: distances.hd,
    HD95: distances.hd95,
    ASSD: distances.assd,
  }
}

function meanOf(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = Object.keys(records[0] ?? {})
  return Object.fromEntries(
    names.map((name) => {
      const values = records.map((record) => record[name]!).filter((value) => !Number.isNaN(value))
      return [name, values.reduce((sum, value) => sum + value, 0) / values.length]
    }),
  )
}
