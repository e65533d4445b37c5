import { f32, u32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { cellStatisticsOp, histogramSlopesOp, softHistogramOp } from './op.ts'

interface Sizes {
  readonly batch: number
  readonly cells: readonly [number, number, number]
  readonly cell: number
  readonly channels: number
  readonly knots: number
  readonly classes: number
}

function casesOf({ batch, cells, cell, channels, knots, classes }: Sizes): OpCase[] {
  const voxels = cells.map((count) => count * cell)
  const image = f32(batch, ...voxels, channels)
  // Intensities of a standard normal, so that some lie beyond the knots, and a label more than there are classes.
  const params = { cell, knots, low: -1.5, high: 1.25, classes }
  const x = { spec: image, fill: 'apart' } as const
  const labels = { spec: u32(batch, ...voxels), classes: classes + 2 }
  const name = `[${image.shape}] in cells of ${cell}³, ${classes} of ${knots}`
  return [
    {
      op: softHistogramOp,
      name,
      inputs: [x, labels],
      build: (inputs) => apply(softHistogramOp, inputs, params),
    },
    {
      op: histogramSlopesOp,
      name,
      inputs: [x, labels, { spec: f32(batch, ...cells, classes * channels * knots) }],
      build: (inputs) => apply(histogramSlopesOp, inputs, params),
      order: 0,
    },
    {
      op: cellStatisticsOp,
      name,
      inputs: [x, labels],
      build: (inputs) => apply(cellStatisticsOp, inputs, { cell }),
      order: 0,
    },
  ]
}

export const histogramCases: OpCases = {
  cases: [
    ...casesOf({ batch: 2, cells: [2, 3, 1], cell: 2, channels: 2, knots: 5, classes: 2 }),
    ...casesOf({ batch: 1, cells: [1, 1, 1], cell: 9, channels: 1, knots: 12, classes: 3 }),
    ...casesOf({ batch: 1, cells: [1, 1, 1], cell: 1, channels: 1, knots: 2, classes: 1 }),
  ],
  fuzz: (pick) =>
    casesOf({
      batch: pick(1, 2),
      cells: [pick(1, 3), pick(1, 3), pick(1, 3)],
      cell: pick(1, 3),
      channels: pick(1, 2),
      knots: pick(2, 7),
      classes: pick(1, 3),
    })[pick(0, 2)]!,
}
