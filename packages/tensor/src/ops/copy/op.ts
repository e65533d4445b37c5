import { ShapeError } from '../../errors.ts'
import { type DType, elements, type Spec } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op, type Program } from '../../op.ts'

const source = () => import('./copy.wgsl')
function program(x: Spec, y: Spec): Program {
  const count = elements(x.shape)
  return {
    stages: [
      {
        source,
        file: 'copy.wgsl',
        constants: { Element: x.dtype === 'f16' || y.dtype === 'f16' ? 'f32' : 'u32' },
        bindings: ['input0', 'output'],
        uniforms: { u32: [count] },
        grid: linearGrid(count, 64),
      },
    ],
  }
}

export const copyOp: Op<null> = {
  name: 'copy',
  integers: 'all',
  infer: ([x]) => x!,
  reference: ([x]) => x!.slice(),
  vjp: (ct) => [() => ct],
  kernels: [{ name: 'direct', program: ([x], y) => program(x!, y) }],
}

/** Between f32 and f16. The gradient goes back to the type that the value came from. */
export const castOp: Op<{ readonly dtype: DType }> = {
  name: 'cast',
  infer([x], { dtype }) {
    if (x!.dtype === 'u32' || dtype === 'u32') throw new ShapeError('cast', 'u32 is not converted')
    return { shape: x!.shape, dtype }
  },
  reference: ([x]) => x!.slice(),
  vjp: (ct, [x]) => [() => cast(ct, x!.spec.dtype)],
  kernels: [{ name: 'direct', program: ([x], y) => program(x!, y) }],
}

/** The same values in memory of their own. */
export const copy = (x: Tensor): Tensor => apply(copyOp, [x], null)

/** The values in another floating-point type, rounded to it; the tensor itself where it has that type already. */
export const cast = (x: Tensor, dtype: DType): Tensor =>
  x.spec.dtype === dtype ? x : apply(castOp, [x], { dtype })
