import { ShapeError } from '../../errors.ts'
import { elements } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import type { Op } from '../../op.ts'

/** A view: the plan gives it no memory and no dispatch. */
export const reshapeOp: Op<{ readonly shape: readonly number[] }> = {
  name: 'reshape',
  integers: 'all',
  infer([x], { shape }) {
    if (elements(shape) !== elements(x!.shape)) {
      throw new ShapeError('reshape', `[${x!.shape.join(',')}] does not fill [${shape.join(',')}]`)
    }
    return { shape, dtype: x!.dtype }
  },
  reference: ([x]) => x!,
  vjp: (ct, [x]) => [() => reshape(ct, x!.shape)],
  kernels: [],
}

/** The same values, row-major, under another shape. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return apply(reshapeOp, [x], { shape })
}
