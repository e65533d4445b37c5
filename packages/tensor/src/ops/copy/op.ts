import { elements } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op } from '../../op.ts'
import source from './copy.wgsl'

export const copyOp: Op<null> = {
  name: 'copy',
  infer: ([x]) => x!,
  reference: ([x]) => x!.slice(),
  vjp: (ct) => [() => ct],
  kernels: [
    {
      name: 'direct',
      program: ([x]) => {
        const count = elements(x!.shape)
        return {
          stages: [
            {
              source,
              file: 'copy.wgsl',
              bindings: ['input0', 'output'],
              uniforms: { u32: [count] },
              grid: linearGrid(count, 64),
            },
          ],
        }
      },
    },
  ],
}

/** The same values in memory of their own. */
export const copy = (x: Tensor): Tensor => apply(copyOp, [x], null)
