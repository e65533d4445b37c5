import { ShapeError } from '../../errors.ts'
import { elements, sameShape, strides } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import type { Op } from '../../op.ts'
import { broadcastTo } from '../broadcast/op.ts'
import { affine } from '../pointwise/unary.ts'
import { reshape } from '../reshape/op.ts'
import { sumProgram } from './program.ts'

/** Axes to sum over; they stay with size 1. */
interface SumParams {
  readonly axes: readonly number[]
}

export const sumOp: Op<SumParams> = {
  name: 'sum',
  infer([x], { axes }) {
    for (const axis of axes) {
      if (axis < 0 || axis >= x!.shape.length) {
        throw new ShapeError('sum', `no axis ${axis} in [${x!.shape.join(',')}]`)
      }
    }
    return { shape: x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)), dtype: 'f32' }
  },
  reference([x], { axes }, [spec], output) {
    const steps = strides(spec!.shape)
    const outputSteps = strides(output.shape)
    const y = new Float64Array(elements(output.shape))
    x!.forEach((value, index) => {
      let at = 0
      spec!.shape.forEach((size, axis) => {
        if (!axes.includes(axis)) at += (Math.floor(index / steps[axis]!) % size) * outputSteps[axis]!
      })
      y[at]! += value
    })
    return y
  },
  vjp: (ct, [x]) => [() => broadcastTo(ct, x!.shape)],
  kernels: [{ name: 'shares', program: ([x], _, { axes }, device) => sumProgram(x!, axes, device) }],
}

/** Sum over axes (all by default); they disappear unless `keepAxes`. */
export function sum(
  x: Tensor,
  axes: readonly number[] = x.shape.map((_, axis) => axis),
  keepAxes = false,
): Tensor {
  const result = apply(sumOp, [x], { axes })
  return keepAxes
    ? result
    : reshape(
        result,
        x.shape.filter((_, axis) => !axes.includes(axis)),
      )
}

/** Mean over axes (all by default); they disappear unless `keepAxes`. */
export function mean(
  x: Tensor,
  axes: readonly number[] = x.shape.map((_, axis) => axis),
  keepAxes = false,
): Tensor {
  const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1)
  return affine(sum(x, axes, keepAxes), 1 / count, 0)
}

/** Sums a broadcast gradient back to the shape of the operand that was stretched. */
export function sumTo(x: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(x.shape, shape)) return x
  const extra = x.shape.length - shape.length
  const axes = x.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < extra || shape[axis - extra] !== x.shape[axis])
  return reshape(sum(x, axes, true), shape)
}
