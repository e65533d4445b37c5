import { f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { sumOp } from './op.ts'

const sumCase = (shape: readonly number[], axes: readonly number[]): OpCase => ({
  op: sumOp,
  name: `[${shape}] over ${axes}`,
  inputs: [{ spec: f32(...shape) }],
  build: (inputs) => apply(sumOp, inputs, { axes }),
  order: 2,
})

export const reduceCases: OpCases = {
  cases: [
    sumCase([3, 4, 2, 3, 5], [0, 2, 3, 4]),
    sumCase([2, 3, 4, 5], [1]),
    sumCase([2, 3, 4, 5], [0, 2]),
    sumCase([2, 8, 9, 10, 3], [0, 1, 2, 3]),
    sumCase([2, 8, 9, 10, 8], [0, 1, 2, 3]),
    sumCase([2, 7, 3, 4], [1]),
    sumCase([5, 4, 6, 8], [0, 2]),
    sumCase([5000], [0]),
    sumCase([70, 3], [1]),
  ],
  fuzz(pick) {
    const shape = Array.from({ length: pick(1, 5) }, () => pick(1, 7))
    return sumCase(
      shape,
      shape.map((_, axis) => axis).filter(() => pick(0, 1) === 1),
    )
  },
}
