import {
  accuracy,
  classDistances,
  confusionFractions,
  confusionMatrix,
  correlationAlongAxis,
  entropy,
  intensityHistogram,
  jensenShannon,
  jensenShannonBound,
  jensenShannonLegacy,
  maskDistances,
  type SegmentationDistances,
  type Spacing,
  tissueDice,
} from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { type GoldenCase, goldenCases, goldenTensor, hasGolden } from './golden.ts'

function expectClose(got: number, expected: number | null, tolerance: number) {
  if (expected === null) expect(got).toBeNaN()
  else expect(Math.abs(got - expected), `${got} against ${expected}`).toBeLessThanOrEqual(tolerance)
}

function expectDistances(got: SegmentationDistances, expected: GoldenCase, tolerance: number) {
  expectClose(got.mhd, expected.mhd_eq5, tolerance)
  expectClose(got.hd, expected.hd_max, tolerance)
  expectClose(got.hd95, expected.hd95, tolerance)
  expectClose(got.hd95Pooled, expected.hd95_pooled, tolerance)
  expectClose(got.assd, expected.assd, tolerance)
}

const spacingOf = (item: GoldenCase) => [...item.attrs.spacing_mm].reverse() as unknown as Spacing

describe.skipIf(!hasGolden)('golden metrics (needs ../shared)', () => {
  it.each(goldenCases('segmentation_metrics').map((item) => [item.id, item]))('%s', (_, item) => {
    const prediction = goldenTensor(item.inputs.pred.tensor)
    const reference = goldenTensor(item.inputs.ref.tensor)
    const dice = tissueDice(prediction.values, reference.values)
    expectClose(dice.CSF, item.expected.dice['1'], item.tol_abs)
    expectClose(dice.GM, item.expected.dice['2'], item.tol_abs)
    expectClose(dice.WM, item.expected.dice['3'], item.tol_abs)
    expectClose(dice.mean, item.expected.dice_mean, item.tol_abs)
    for (const label of [1, 2, 3]) {
      const got = classDistances(prediction.values, reference.values, label, reference.shape, spacingOf(item))
      expectDistances(got, item.expected.distances_mm[label], item.tol_abs)
    }
    const counts = confusionMatrix(reference.values, prediction.values, 4).counts
    expect(counts).toEqual(item.expected.confusion_counts_rows_ref_cols_pred)
  })

  it.each(goldenCases('binary_distances').map((item) => [item.id, item]))('%s', (_, item) => {
    const prediction = goldenTensor(item.inputs.pred.tensor)
    const reference = goldenTensor(item.inputs.ref.tensor)
    const got = maskDistances(prediction.values, reference.values, reference.shape, spacingOf(item))
    expectDistances(got, item.expected, item.tol_abs)
  })

  it.each(goldenCases('jsd').map((item) => [item.id, item]))('%s', (_, item) => {
    const volumes = ['vol0', 'vol1', 'vol2'].map((name) => goldenTensor(item.inputs[name].tensor).values)
    const options = { bins: item.attrs.bins, range: item.attrs.range }
    const foreground = volumes.map((mask) => intensityHistogram(mask, { ...options, mask }))
    const everything = volumes.map((values) => intensityHistogram(values, options))
    expectClose(jensenShannon(foreground), item.expected.jsd_nats_foreground, item.tol_abs)
    expectClose(jensenShannonBound(3), item.expected.bound_ln_n, item.tol_abs)
    expectClose(jensenShannonLegacy(everything), item.expected.jsd_legacy_all_voxels, item.tol_abs)
    foreground.forEach((row, i) => {
      expectClose(entropy(row), item.expected.entropies_foreground_nats[i], item.tol_abs)
    })
  })

  it.each(goldenCases('jsd_table').map((item) => [item.id, item]))('%s', (_, item) => {
    const { values, shape } = goldenTensor(item.inputs.table.tensor)
    const rows = [values.slice(0, shape[0]), values.slice(shape[0])]
    expectClose(jensenShannon(rows), item.expected.jsd_nats, item.tol_abs)
    expectClose(jensenShannonLegacy(rows), item.expected.jsd_legacy, item.tol_abs)
  })

  it.each(goldenCases('pearson_along_axis').map((item) => [item.id, item]))('%s', (_, item) => {
    const { values, shape } = goldenTensor(item.inputs.volume.tensor)
    const mask = values.map((value) => (value > 0 ? 1 : 0))
    for (const alpha of item.attrs.alphas as number[]) {
      const degraded = values.map((value, i) => {
        const y = Math.floor(i / shape[0]) % shape[1]
        return value * (1 - alpha + (2 * alpha * y) / (shape[1] - 1))
      })
      const expected = item.expected[alpha.toFixed(1)]
      expectClose(correlationAlongAxis(degraded, shape, 1, mask), expected, item.tol_abs)
    }
  })

  it.each(goldenCases('confusion').map((item) => [item.id, item]))('%s', (_, item) => {
    const actual = goldenTensor(item.inputs.actual.tensor).values
    const predicted = goldenTensor(item.inputs.predicted.tensor).values
    const matrix = confusionMatrix(actual, predicted, item.attrs.classes)
    expect(matrix.counts).toEqual(item.expected.counts)
    confusionFractions(matrix).forEach((row, r) => {
      row.forEach((value, c) => {
        expectClose(value, item.expected.fractions[r][c], 1e-8)
      })
    })
    expectClose(accuracy(matrix) * 100, item.expected.accuracy_percent, 1e-6)
  })
})
