import {
  type Axis,
  accuracy,
  biasFieldRamp,
  classDistances,
  confusionFractions,
  confusionMatrix,
  correlationAlongAxis,
  diceOfMatrix,
  entropy,
  intensityHistogram,
  jensenShannon,
  jensenShannonBound,
  jensenShannonLegacy,
  maskDistances,
  type SegmentationDistances,
  type Shape3,
  type Spacing,
  tissueDice,
} from '@voxnorm/data'
import type { CaseContext, CaseRunners } from './case-runner.ts'
import { type Comparison, compareValue } from './compare.ts'
import type { GoldenCase, TensorReference } from './manifest.ts'

interface MetricCase extends GoldenCase {
  readonly attrs: {
    readonly spacing_mm: readonly number[]
    readonly bins: number
    readonly range: readonly [number, number]
    readonly axis: number
    readonly alphas: readonly number[]
    readonly classes: number
  }
  readonly inputs: Readonly<Record<string, TensorReference>>
  readonly expected: Readonly<Record<string, unknown>>
  readonly tol_abs: number
}

/** Stored arrays have the last axis fastest, volumes the first: sizes and spacings are listed the other way round. */
const reversed = <T>(list: readonly T[]) => [...list].reverse() as unknown as readonly [T, T, T]

const named = ({ mhd, hd, hd95, hd95Pooled, assd }: SegmentationDistances) => ({
  mhd_eq5: mhd,
  hd_max: hd,
  hd95,
  hd95_pooled: hd95Pooled,
  assd,
})

function segmentationMetrics({ pred, ref }: Arrays, { attrs }: MetricCase, shape: Shape3) {
  const spacing = reversed(attrs.spacing_mm) satisfies Spacing
  const dice = tissueDice(pred!, ref!)
  const distances = (label: number) => named(classDistances(pred!, ref!, label, shape, spacing))
  return {
    dice: { 1: dice.CSF, 2: dice.GM, 3: dice.WM },
    dice_mean: dice.mean,
    distances_mm: { 1: distances(1), 2: distances(2), 3: distances(3) },
    confusion_counts_rows_ref_cols_pred: confusionMatrix(ref!, pred!, 4).counts,
  }
}

function binaryDistances({ pred, ref }: Arrays, { attrs }: MetricCase, shape: Shape3) {
  const mask = (values: Float64Array) => values.map((value) => (value === 0 ? 0 : 1))
  return {
    ...named(maskDistances(pred!, ref!, shape, reversed(attrs.spacing_mm))),
    dice: diceOfMatrix(confusionMatrix(mask(ref!), mask(pred!), 2))[1],
  }
}

function divergence(arrays: Arrays, { attrs: { bins, range } }: MetricCase) {
  const volumes = Object.values(arrays)
  const foreground = volumes.map((mask) => intensityHistogram(mask, { bins, range, mask }))
  return {
    jsd_nats_foreground: jensenShannon(foreground),
    bound_ln_n: jensenShannonBound(volumes.length),
    jsd_legacy_all_voxels: jensenShannonLegacy(
      volumes.map((values) => intensityHistogram(values, { bins, range })),
    ),
    entropies_foreground_nats: foreground.map((row) => entropy(row)),
  }
}

function divergenceOfTable({ table }: Arrays, { inputs }: MetricCase) {
  const [rows, bins] = inputs['table']!.shape as [number, number]
  const histograms = Array.from({ length: rows }, (_, row) => table!.subarray(row * bins, (row + 1) * bins))
  return { jsd_nats: jensenShannon(histograms), jsd_legacy: jensenShannonLegacy(histograms) }
}

function pearson({ volume }: Arrays, { attrs, expected }: MetricCase, shape: Shape3) {
  const axis = (2 - attrs.axis) as Axis
  const stride = shape.slice(0, axis).reduce((product, size) => product * size, 1)
  const mask = volume!.map((value) => (value > 0 ? 1 : 0))
  return Object.fromEntries(
    Object.keys(expected).map((alpha) => {
      const ramp = biasFieldRamp(shape[axis], Number(alpha))
      const degraded = volume!.map((value, index) => value * ramp[Math.floor(index / stride) % shape[axis]]!)
      return [alpha, correlationAlongAxis(degraded, shape, axis, mask)]
    }),
  )
}

function confusion({ actual, predicted }: Arrays, { attrs }: MetricCase) {
  const matrix = confusionMatrix(actual!, predicted!, attrs.classes)
  return {
    counts: matrix.counts,
    fractions: confusionFractions(matrix),
    accuracy_percent: 100 * accuracy(matrix),
  }
}

type Arrays = Readonly<Record<string, Float64Array>>

/** Reads a case's arrays, measures, and compares with what is expected. `shape` is that of the first array. */
const measuring =
  (measure: (arrays: Arrays, item: MetricCase, shape: Shape3) => Readonly<Record<string, unknown>>) =>
  (item: GoldenCase, { folder }: CaseContext): Comparison[] => {
    const metric = item as MetricCase
    const references = Object.entries(metric.inputs)
    const arrays = Object.fromEntries(
      references.map(([name, reference]) => [name, folder.stored(item, reference)]),
    )
    const got = measure(arrays, metric, reversed(references[0]![1].shape))
    return Object.entries(metric.expected).flatMap(([name, expected]) =>
      compareValue(name, got[name], expected, metric.tol_abs),
    )
  }

/** Measures of segmentations and images; no device is involved. */
export const metricRunners: CaseRunners = {
  segmentation_metrics: measuring(segmentationMetrics),
  binary_distances: measuring(binaryDistances),
  jsd: measuring(divergence),
  jsd_table: measuring(divergenceOfTable),
  pearson_along_axis: measuring(pearson),
  confusion: measuring(confusion),
}
