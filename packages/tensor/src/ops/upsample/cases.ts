import { f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { sumPoolOp, upsampleOp } from './op.ts'

function resizeCases(n: number, d: number, h: number, w: number, c: number): OpCase[] {
  const small = f32(n, d, h, w, c)
  const large = f32(n, 2 * d, 2 * h, 2 * w, c)
  return [
    {
      op: upsampleOp,
      name: `[${small.shape}]`,
      inputs: [{ spec: small }],
      build: (inputs) => apply(upsampleOp, inputs, null),
      order: 2,
    },
    {
      op: sumPoolOp,
      name: `[${large.shape}]`,
      inputs: [{ spec: large }],
      build: (inputs) => apply(sumPoolOp, inputs, null),
      order: 2,
    },
  ]
}

export const upsampleCases: OpCases = {
  cases: [...resizeCases(2, 2, 3, 4, 3), ...resizeCases(2, 1, 3, 2, 8), ...resizeCases(1, 1, 1, 1, 1)],
  fuzz: (pick) => resizeCases(pick(1, 3), pick(1, 4), pick(1, 4), pick(1, 5), pick(1, 9))[pick(0, 1)]!,
}
