import { f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { concatOp, padChannelsOp, sliceChannelsOp } from './op.ts'

const concatCase = (rows: number, ...widths: number[]): OpCase => ({
  op: concatOp,
  name: `${rows} rows of ${widths}`,
  inputs: widths.map((width) => ({ spec: f32(rows, width) })),
  build: (inputs) => apply(concatOp, inputs, null),
  order: 2,
})

export const channelsCases: OpCases = {
  cases: [
    concatCase(24, 3, 5),
    concatCase(7, 1, 4, 2),
    concatCase(17, 4, 8),
    {
      op: sliceChannelsOp,
      name: '[2,3,7] from 2, 4 wide',
      inputs: [{ spec: f32(2, 3, 7) }],
      build: (inputs) => apply(sliceChannelsOp, inputs, { from: 2, width: 4 }),
      order: 2,
    },
    {
      op: sliceChannelsOp,
      name: '[3,12] from 4, 8 wide',
      inputs: [{ spec: f32(3, 12) }],
      build: (inputs) => apply(sliceChannelsOp, inputs, { from: 4, width: 8 }),
      order: 2,
    },
    {
      op: padChannelsOp,
      name: '[19,4] at 4 of 12',
      inputs: [{ spec: f32(19, 4) }],
      build: (inputs) => apply(padChannelsOp, inputs, { to: 4, length: 12 }),
      order: 2,
    },
    {
      op: padChannelsOp,
      name: '[2,3,4] at 2 of 7',
      inputs: [{ spec: f32(2, 3, 4) }],
      build: (inputs) => apply(padChannelsOp, inputs, { to: 2, length: 7 }),
      order: 2,
    },
  ],
  fuzz: (pick) => concatCase(pick(1, 90), pick(1, 9), pick(1, 9)),
}
