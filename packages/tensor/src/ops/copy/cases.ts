import { f32, u32 } from '../../graph/spec.ts'
import { apply } from '../../graph/tensor.ts'
import type { OpCases } from '../../op-case.ts'
import { add } from '../pointwise/binary.ts'
import { castOp, copyOp } from './op.ts'

export const copyCases: OpCases = {
  cases: [
    {
      op: copyOp,
      name: 'x[7,11]',
      inputs: [{ spec: f32(7, 11) }],
      build: (inputs) => apply(copyOp, inputs, null),
      order: 2,
    },
    {
      op: copyOp,
      name: 'integers x[3,23]',
      inputs: [{ spec: u32(3, 23), classes: 2 ** 32 }],
      build: (inputs) => apply(copyOp, inputs, null),
      order: 0,
    },
    // In half precision the matrix is stored so and the vector is not: the first case widens, the second narrows.
    {
      op: castOp,
      name: 'x[9,13] to f32',
      inputs: [{ spec: f32(9, 13) }],
      build: (inputs) => apply(castOp, inputs, { dtype: 'f32' }),
      order: 2,
    },
    {
      op: castOp,
      name: 'v[13] to the type of x[5,13]',
      inputs: [{ spec: f32(5, 13) }, { spec: f32(13) }],
      build: ([x, v]) => add(x!, apply(castOp, [v!], { dtype: x!.spec.dtype })),
      order: 2,
    },
  ],
}
