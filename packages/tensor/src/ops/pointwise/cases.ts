import { f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { addOp, binaryOps, divOp } from './binary.ts'
import { logOp, slopeOp, sqrtOp, unaryOps } from './unary.ts'

const unaryCases: OpCase[] = unaryOps.map((op) => ({
  op,
  name: 'x[2,3,5]',
  inputs: [{ spec: f32(2, 3, 5), fill: op === logOp || op === sqrtOp ? 'positive' : 'apart' }],
  build: (inputs) => apply(op, inputs, { a: 0.3, b: -1.7 }),
  order: op === slopeOp ? 0 : 2,
}))

const shapePairs = [
  [
    [2, 3, 4, 5, 6],
    [2, 3, 4, 5, 6],
  ],
  [
    [2, 3, 4, 2, 3],
    [1, 1, 1, 1, 3],
  ],
  [
    [3, 1, 5],
    [2, 1, 4, 1],
  ],
  [[], [4, 3]],
] as const

const binaryCases: OpCase[] = binaryOps.flatMap((op) =>
  shapePairs.map(([a, b]) => ({
    op,
    name: `[${a}] with [${b}]`,
    inputs: [{ spec: f32(...a) }, { spec: f32(...b), fill: op === divOp ? 'positive' : 'normal' }] as const,
    build: (inputs) => apply(op, inputs, null),
    order: 2,
  })),
)

export const pointwiseCases: OpCases = {
  cases: [...unaryCases, ...binaryCases],
  fuzz(pick) {
    const shape = Array.from({ length: pick(1, 5) }, () => pick(1, 5))
    const stretched = shape.map((size) => (pick(0, 2) === 0 ? 1 : size)).slice(pick(0, shape.length - 1))
    return {
      op: addOp,
      name: `[${shape}] with [${stretched}]`,
      inputs: [{ spec: f32(...shape) }, { spec: f32(...stretched) }],
      build: (inputs) => apply(addOp, inputs, null),
    }
  },
}
