import { f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { affine } from '../pointwise/unary.ts'
import { batchNorm, batchNormInputOp, batchNormOp, batchNormSumsOp, channelMoments, momentsOp } from './op.ts'

function normCases(rows: number, channels: number, slope: number, shift = 0): OpCase[] {
  const name = `[${rows},${channels}] slope ${slope}${shift ? ` around ${shift}` : ''}`
  const x = { spec: f32(rows, channels) }
  const perChannel = { spec: f32(channels), fill: 'positive' } as const
  const params = { epsilon: 1e-5, slope, batch: true }
  const tolerance = shift ? 2e-3 : 1e-5
  return [
    {
      op: momentsOp,
      name,
      inputs: [x],
      build: ([value]) => channelMoments(affine(value!, 1, shift)),
      order: 0,
    },
    {
      op: batchNormOp,
      name,
      inputs: [x, perChannel, perChannel],
      build: ([value, weight, bias]) =>
        batchNorm(affine(value!, 1, shift), weight!, bias!, { epsilon: 1e-5, slope }),
      // Among so many values some lie at the activation's kink, where differences are no derivative.
      order: rows > 1000 ? 0 : 1,
      tolerance,
    },
    {
      op: batchNormOp,
      name: `${name}, fixed moments`,
      inputs: [x, { spec: f32(2, channels), fill: 'positive' }, perChannel, perChannel],
      build: ([value, moments, weight, bias]) =>
        batchNorm(value!, weight!, bias!, { epsilon: 1e-5, slope, moments: moments! }),
      order: 0,
    },
    {
      op: batchNormSumsOp,
      name,
      inputs: [x, x, { spec: f32(2, channels), fill: 'positive' }, perChannel, perChannel],
      build: (inputs) => apply(batchNormSumsOp, inputs, params),
      order: 0,
      tolerance: 1e-5,
    },
    {
      op: batchNormInputOp,
      name,
      inputs: [
        x,
        x,
        { spec: f32(2, channels), fill: 'positive' },
        perChannel,
        perChannel,
        { spec: f32(2, channels) },
      ],
      build: (inputs) => apply(batchNormInputOp, inputs, params),
      order: 0,
      tolerance: 1e-5,
    },
  ]
}

/** Deep networks amplify errors of the moments: their rounding must not grow with the number of rows. */
const manyRows: OpCase = {
  op: momentsOp,
  name: '[16384,4] to rounding',
  inputs: [{ spec: f32(16384, 4) }],
  build: ([value]) => channelMoments(affine(value!, 1, 1)),
  order: 0,
  tolerance: 2e-7,
}

export const batchNormCases: OpCases = {
  cases: [
    manyRows,
    ...normCases(120, 3, 0),
    ...normCases(2000, 8, 0.2),
    ...normCases(300, 5, 1, 1000),
    ...normCases(9, 70, 0),
  ],
  fuzz: (pick) => normCases(pick(2, 3000), pick(1, 40), pick(0, 2) / 2)[pick(0, 4)]!,
}

/** The parts of batch normalisation in training, in the order of a step. */
export const BATCH_NORM_PARTS = ['moments', 'batchNorm', 'batchNormSums', 'batchNormInput'] as const

/** One part of batch normalisation with ReLU on `[rows, channels]`, for benches of chosen sizes. */
export function batchNormCase(
  part: (typeof BATCH_NORM_PARTS)[number],
  rows: number,
  channels: number,
): OpCase {
  const x = { spec: f32(rows, channels) }
  const perChannel = { spec: f32(channels), fill: 'positive' } as const
  const moments = { spec: f32(2, channels), fill: 'positive' } as const
  const params = { epsilon: 1e-5, slope: 0, batch: true }
  const operands = [x, moments, perChannel, perChannel]
  const common = { name: `[${rows},${channels}]`, order: 0, tolerance: 1e-5 } as const
  switch (part) {
    case 'moments':
      return { ...common, op: momentsOp, inputs: [x], build: ([value]) => channelMoments(value!) }
    case 'batchNorm':
      return {
        ...common,
        op: batchNormOp,
        inputs: operands,
        build: (inputs) => apply(batchNormOp, inputs, params),
      }
    case 'batchNormSums':
      return {
        ...common,
        op: batchNormSumsOp,
        inputs: [x, ...operands],
        build: (inputs) => apply(batchNormSumsOp, inputs, params),
      }
    case 'batchNormInput':
      return {
        ...common,
        op: batchNormInputOp,
        inputs: [x, ...operands, { spec: f32(2, channels) }],
        build: (inputs) => apply(batchNormInputOp, inputs, params),
      }
  }
}
