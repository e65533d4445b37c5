import { f32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { maxPoolGradientOp, maxPoolOp } from './op.ts'

/** Pooling and its gradient on `x [n,d,h,w,c]`. */
export function poolCases(n: number, d: number, h: number, w: number, c: number): OpCase[] {
  const x = f32(n, d, h, w, c)
  const y = f32(n, d >> 1, h >> 1, w >> 1, c)
  const name = `[${x.shape}]`
  return [
    {
      op: maxPoolOp,
      name,
      inputs: [{ spec: x, fill: 'apart' }],
      build: (inputs) => apply(maxPoolOp, inputs, {}),
    },
    {
      op: maxPoolGradientOp,
      name,
      inputs: [{ spec: x, fill: 'apart' }, { spec: y }],
      build: (inputs) => apply(maxPoolGradientOp, inputs, {}),
      order: 0,
    },
  ]
}

export const maxPoolCases: OpCases = {
  cases: [...poolCases(2, 4, 6, 8, 3), ...poolCases(1, 2, 6, 4, 8), ...poolCases(1, 5, 3, 7, 4)],
  fuzz: (pick) => poolCases(pick(1, 3), pick(2, 7), pick(2, 7), pick(2, 9), pick(1, 9))[pick(0, 1)]!,
}
