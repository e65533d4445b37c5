import { ShapeError } from '../../errors.ts'
import { broadcastShapes, elements, sameShape, strides } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op } from '../../op.ts'
import { sumTo } from '../reduce/op.ts'

const source = () => import('./broadcast.wgsl')
const MAX_RANK = 5

/** Strides of an operand along the axes of the broadcast shape; 0 where it is stretched. */
export function stretchedStrides(shape: readonly number[], to: readonly number[]): number[] {
  const own = strides(shape)
  return to.map((_, axis) => {
    const ownAxis = axis - to.length + shape.length
    return ownAxis < 0 || shape[ownAxis] === 1 ? 0 : own[ownAxis]!
  })
}

/** Sizes or strides filled up at the front to the rank that kernels expect. */
export function padRank(values: readonly number[], fill: number): number[] {
  return [...new Array<number>(MAX_RANK - values.length).fill(fill), ...values]
}

/** True for shapes that the broadcasting kernels can index. */
export const rankFits = (shape: readonly number[]): boolean => shape.length <= MAX_RANK

export const broadcastOp: Op<{ readonly shape: readonly number[] }> = {
  name: 'broadcast',
  infer([x], { shape }) {
    if (!sameShape(broadcastShapes('broadcast', x!.shape, shape), shape)) {
      throw new ShapeError('broadcast', `[${x!.shape.join(',')}] does not stretch to [${shape.join(',')}]`)
    }
    return { shape, dtype: x!.dtype }
  },
  reference([x], { shape }, [spec]) {
    const steps = strides(shape)
    const stretched = stretchedStrides(spec!.shape, shape)
    return Float64Array.from({ length: elements(shape) }, (_value, index) => {
      const at = shape.reduce(
        (sum, size, axis) => sum + (Math.floor(index / steps[axis]!) % size) * stretched[axis]!,
        0,
      )
      return x![at]!
    })
  },
  vjp: (ct, [x]) => [() => sumTo(ct, x!.shape)],
  kernels: [
    {
      name: 'direct',
      fits: (_, _inputs, y) => rankFits(y.shape),
      program: ([x], { shape }) => {
        const count = elements(shape)
        const layout = [...padRank(shape, 1).slice(1), ...padRank(stretchedStrides(x!.shape, shape), 0)]
        return {
          stages: [
            {
              source,
              file: 'broadcast.wgsl',
              bindings: ['input0', 'output'],
              uniforms: { u32: [count, ...layout] },
              grid: linearGrid(count, 64),
            },
          ],
        }
      },
    },
  ],
}

/** A tensor stretched to a larger shape by NumPy's rule; its gradient is a sum over what was stretched. */
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  return sameShape(x.shape, shape) ? x : apply(broadcastOp, [x], { shape })
}
