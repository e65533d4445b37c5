import { ShapeError } from '../../errors.ts'
import { elements, sameShape } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import type { Op } from '../../op.ts'
import { fusible } from '../batchnorm/fusion.ts'
import { sum } from '../reduce/op.ts'
import { type Conv3dGradientParams, type Conv3dParams, geometry, visit } from './geometry.ts'
import {
  forwardKernels,
  fusingForwardKernels,
  fusingWeightGradientKernels,
  inputGradientKernels,
  weightGradientKernels,
} from './kernels.ts'

/** What the members of the family have in common. */
const shared = ({ kernel, stride, padding, mode }: Conv3dParams): Conv3dParams => ({
  kernel,
  stride,
  padding,
  mode,
})

/**
 * The convolution of x and w, plus a bias `[O]` where there is a third input. Together with the next two ops it forms a
 * closed family: each one's gradients are the other two, so that derivatives of any order need no further kernel.
 */
const convolution: Op<Conv3dParams> = {
  name: 'conv3d',
  infer([x, w, bias], params) {
    const g = geometry('conv3d', x!, w!, params)
    if (bias && !sameShape(bias.shape, [g.outputChannels])) {
      throw new ShapeError('conv3d', `the bias must be [${g.outputChannels}]`)
    }
    return { shape: [g.batch, ...g.output, g.outputChannels], dtype: params.result ?? x!.dtype }
  },
  reference([x, w, bias], params, [xSpec, wSpec], output) {
    const y = Float64Array.from({ length: elements(output.shape) }, (_, index) =>
      bias ? bias[index % bias.length]! : 0,
    )
    visit(geometry('conv3d', xSpec!, wSpec!, params), (atX, atW, atY) => {
      y[atY]! += x![atX]! * w![atW]!
    })
    return y
  },
  vjp: (ct, [x, w], _, params) => [
    () => conv3dInput(ct, w!, x!, params),
    () => conv3dWeight(x!, ct, w!, params),
    () => sum(ct, [0, 1, 2, 3]),
  ],
  leavesMoments: true,
  kernels: forwardKernels,
}
export const conv3dOp = fusible(convolution, fusingForwardKernels)

/** Gradient with respect to the input: `(dy, w) → dx`. Clamped taps add to the border voxels that they read. */
export const conv3dInputOp: Op<Conv3dGradientParams> = {
  name: 'conv3dInput',
  infer([dy, w], params) {
    const g = geometry('conv3dInput', { shape: params.shape, dtype: 'f32' }, w!, params)
    if (!sameShape(dy!.shape, [g.batch, ...g.output, g.outputChannels])) {
      throw new ShapeError(
        'conv3dInput',
        `the gradient is [${dy!.shape.join(',')}], the output is [${g.output.join(',')}]`,
      )
    }
    return { shape: params.shape, dtype: params.result ?? dy!.dtype }
  },
  reference([dy, w], params, [, wSpec], output) {
    const dx = new Float64Array(elements(output.shape))
    visit(geometry('conv3dInput', output, wSpec!, params), (atX, atW, atY) => {
      dx[atX]! += dy![atY]! * w![atW]!
    })
    return dx
  },
  vjp: (ct, [dy, w], _, params) => [
    () => conv3dWithout(ct, w!, dy!, params),
    () => conv3dWeight(ct, dy!, w!, params),
  ],
  kernels: inputGradientKernels,
}

/** Gradient with respect to the weight: `(x, dy) → dw`. */
const weightGradient: Op<Conv3dGradientParams> = {
  name: 'conv3dWeight',
  infer([x, dy], params) {
    const g = geometry('conv3dWeight', x!, { shape: params.shape, dtype: 'f32' }, params)
    if (!sameShape(dy!.shape, [g.batch, ...g.output, g.outputChannels])) {
      throw new ShapeError(
        'conv3dWeight',
        `the gradient is [${dy!.shape.join(',')}], the output is [${g.output.join(',')}]`,
      )
    }
    return { shape: params.shape, dtype: 'f32' }
  },
  reference([x, dy], params, [xSpec], output) {
    const dw = new Float64Array(elements(output.shape))
    visit(geometry('conv3dWeight', xSpec!, output, params), (atX, atW, atY) => {
      dw[atW]! += x![atX]! * dy![atY]!
    })
    return dw
  },
  vjp: (ct, [x, dy], _, params) => [
    () => conv3dInput(dy!, ct, x!, params),
    () => conv3dWithout(x!, ct, dy!, params),
  ],
  kernels: weightGradientKernels,
}
export const conv3dWeightOp = fusible(weightGradient, fusingWeightGradientKernels)

// Each of the next three makes a tensor like one that there is already: a gradient, or a tangent of an output.

const conv3dWithout = (x: Tensor, w: Tensor, y: Tensor, params: Conv3dParams): Tensor =>
  apply(conv3dOp, [x, w], { ...shared(params), result: y.spec.dtype })

const conv3dInput = (dy: Tensor, w: Tensor, x: Tensor, params: Conv3dParams): Tensor =>
  apply(conv3dInputOp, [dy, w], { ...shared(params), shape: x.shape, result: x.spec.dtype })

const conv3dWeight = (x: Tensor, dy: Tensor, w: Tensor, params: Conv3dParams): Tensor =>
  apply(conv3dWeightOp, [x, dy], { ...shared(params), shape: w.shape })

/**
 * 3D convolution (cross-correlation, as everywhere in this field) of `x [N,D,H,W,I]` with `weight [K,K,K,I,O]`, plus a
 * bias `[O]` if there is one.
 */
export function conv3d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  params: Omit<Conv3dParams, 'kernel'>,
  label?: string,
): Tensor {
  const { stride, padding, mode, result } = params
  const inputs = bias ? [x, weight, bias] : [x, weight]
  const written = { kernel: weight.shape[0]!, stride, padding, mode, ...(result && { result }) }
  return apply(conv3dOp, inputs, written, label)
}
