import { f32 } from '../../graph/spec.ts'
import type { OpCases } from '../../op-case.ts'
import { copy, copyOp } from '../copy/op.ts'
import { add, addOp } from '../pointwise/binary.ts'
import { reshape } from './op.ts'

/** A reshape has no kernel: these check the memory that others read and write through it. */
export const reshapeCases: OpCases = {
  cases: [
    {
      op: copyOp,
      name: 'x[4,3,5] as [6,10], copied, as [60]',
      inputs: [{ spec: f32(4, 3, 5) }],
      build: ([x]) => reshape(copy(reshape(x!, [6, 10])), [60]),
      order: 2,
    },
    {
      op: addOp,
      name: 'x[2,6] as [4,3], plus y[3]',
      inputs: [{ spec: f32(2, 6) }, { spec: f32(3) }],
      build: ([x, y]) => add(reshape(x!, [4, 3]), y!),
      order: 2,
    },
  ],
}
