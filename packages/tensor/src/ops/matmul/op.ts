import { ShapeError } from '../../errors.ts'
import type { Spec } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op } from '../../op.ts'

const source = () => import('./matmul.wgsl')
interface MatmulParams {
  readonly transposeA: boolean
  readonly transposeB: boolean
}

/** Rows, columns and inner size, and the strides that reach an element of either operand. */
function layout(a: Spec, b: Spec, { transposeA, transposeB }: MatmulParams) {
  if (a.shape.length !== 2 || b.shape.length !== 2)
    throw new ShapeError('matmul', 'both operands must have two axes')
  const [a0, a1] = a.shape as [number, number]
  const [b0, b1] = b.shape as [number, number]
  const [rows, inner] = transposeA ? [a1, a0] : [a0, a1]
  const [innerB, columns] = transposeB ? [b1, b0] : [b0, b1]
  if (inner !== innerB) throw new ShapeError('matmul', `inner sizes ${inner} and ${innerB} differ`)
  const [aRow, aInner] = transposeA ? [1, a1] : [a1, 1]
  const [bInner, bColumn] = transposeB ? [1, b1] : [b1, 1]
  return { rows, columns, inner, aRow, aInner, bInner, bColumn }
}

export const matmulOp: Op<MatmulParams> = {
  name: 'matmul',
  infer([a, b], params) {
    const { rows, columns } = layout(a!, b!, params)
    return { shape: [rows, columns], dtype: 'f32' }
  },
  reference([a, b], params, [specA, specB]) {
    const { rows, columns, inner, aRow, aInner, bInner, bColumn } = layout(specA!, specB!, params)
    const y = new Float64Array(rows * columns)
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (let k = 0; k < inner; k++) {
          y[row * columns + column]! += a![row * aRow + k * aInner]! * b![k * bInner + column * bColumn]!
        }
      }
    }
    return y
  },
  vjp: (ct, [a, b], _, { transposeA, transposeB }) => [
    () => (transposeA ? matmul(b!, ct, transposeB, true) : matmul(ct, b!, false, !transposeB)),
    () => (transposeB ? matmul(ct, a!, true, transposeA) : matmul(a!, ct, !transposeA, false)),
  ],
  kernels: [
    {
      name: 'direct',
      program([a, b], _, params) {
        const { rows, columns, inner, aRow, aInner, bInner, bColumn } = layout(a!, b!, params)
        return {
          stages: [
            {
              source,
              file: 'matmul.wgsl',
              bindings: ['input0', 'input1', 'output'],
              uniforms: { u32: [rows, columns, inner, aRow, aInner, bInner, bColumn] },
              grid: linearGrid(rows * columns, 64),
            },
          ],
        }
      },
    },
  ],
}

/** Matrix product of `a [M,K]` and `b [K,N]`; either may be given transposed. */
export function matmul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  return apply(matmulOp, [a, b], { transposeA, transposeB })
}
