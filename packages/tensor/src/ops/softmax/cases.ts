import { f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { logSumExpOp, softmaxGradientOp, softmaxOp } from './op.ts'

function rowCases(...shape: number[]): OpCase[] {
  const name = `[${shape}]`
  const x = { spec: f32(...shape) }
  return [
    { op: softmaxOp, name, inputs: [x], build: (inputs) => apply(softmaxOp, inputs, null), order: 2 },
    { op: logSumExpOp, name, inputs: [x], build: (inputs) => apply(logSumExpOp, inputs, null), order: 2 },
    {
      op: softmaxGradientOp,
      name,
      inputs: [x, x],
      build: (inputs) => apply(softmaxGradientOp, inputs, null),
      order: 2,
    },
  ]
}

export const softmaxCases: OpCases = {
  cases: [...rowCases(2, 3, 4, 5, 4), ...rowCases(6, 3), ...rowCases(1)],
  fuzz: (pick) => rowCases(pick(1, 70), pick(1, 9))[pick(0, 2)]!,
}
