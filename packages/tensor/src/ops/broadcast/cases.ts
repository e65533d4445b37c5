import { f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { broadcastOp } from './op.ts'

const broadcastCase = (from: readonly number[], to: readonly number[]): OpCase => ({
  op: broadcastOp,
  name: `[${from}] to [${to}]`,
  inputs: [{ spec: f32(...from) }],
  build: (inputs) => apply(broadcastOp, inputs, { shape: to }),
  order: 2,
})

export const broadcastCases: OpCases = {
  cases: [
    broadcastCase([3, 1, 2], [4, 3, 5, 2]),
    broadcastCase([2, 1, 3, 1, 5], [2, 7, 3, 4, 5]),
    broadcastCase([], [67]),
  ],
  fuzz(pick) {
    const to = Array.from({ length: pick(1, 5) }, () => pick(1, 6))
    return broadcastCase(to.map((size) => (pick(0, 1) === 0 ? 1 : size)).slice(pick(0, to.length - 1)), to)
  },
}
