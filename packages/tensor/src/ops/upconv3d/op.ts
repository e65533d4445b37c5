import { ShapeError } from '../../errors.ts'
import { elements, type Spec, sameShape } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import type { Op } from '../../op.ts'
import { fusible } from '../batchnorm/fusion.ts'
import { forwardKernels, fusingForwardKernels } from './forward-kernels.ts'
import {
  downsampledSpec,
  type UpsampledConv3dParams,
  upsampledGeometry,
  upsampledSpec,
  visitUpsampled,
} from './geometry.ts'
import {
  fusingWeightGradientKernels,
  inputGradientKernels,
  weightGradientKernels,
} from './gradient-kernels.ts'

/**
 * The 3³ convolution of an upsampled volume, from the volume before: `conv3d(upsample(x), w)`, plus a third input of
 * the shape of the result where there is one. Upsampled voxels repeat, so an output needs 2³ sums of taps in the place
 * of 27 taps, and the upsampled volume never exists. With the next two ops this is a closed family like that of conv3d.
 */
const convolution: Op<UpsampledConv3dParams> = {
  name: 'upsampledConv3d',
  infer([x, w, addend], params) {
    const { full } = upsampledGeometry('upsampledConv3d', x!, w!, params)
    const shape = [full.batch, ...full.output, full.outputChannels]
    if (addend && !sameShape(addend.shape, shape)) {
      throw new ShapeError('upsampledConv3d', `what is added must be [${shape.join(',')}] like the result`)
    }
    return { shape, dtype: x!.dtype }
  },
  reference([x, w, addend], params, [xSpec, wSpec], output) {
    const y = addend ? addend.slice() : new Float64Array(elements(output.shape))
    visitUpsampled(upsampledGeometry('upsampledConv3d', xSpec!, wSpec!, params), (atX, atW, atY) => {
      y[atY]! += x![atX]! * w![atW]!
    })
    return y
  },
  vjp: (ct, [x, w], _, params) => [
    () => upsampledConv3dInput(ct, w!, params),
    () => upsampledConv3dWeight(x!, ct, params),
    () => ct,
  ],
  leavesMoments: true,
  kernels: forwardKernels,
}
export const upsampledConv3dOp = fusible(convolution, fusingForwardKernels)

/** Gradient with respect to the input: `(dy, w) → dx`, dy at full and dx at low resolution. */
export const upsampledConv3dInputOp: Op<UpsampledConv3dParams> = {
  name: 'upsampledConv3dInput',
  infer([dy, w], params) {
    const dx = { ...downsampledSpec(dy!), shape: [...downsampledSpec(dy!).shape.slice(0, 4), w!.shape[3]!] }
    checkGradient('upsampledConv3dInput', dy!, dx, w!, params)
    return dx
  },
  reference([dy, w], params, [, wSpec], output) {
    const dx = new Float64Array(elements(output.shape))
    visitUpsampled(upsampledGeometry('upsampledConv3dInput', output, wSpec!, params), (atX, atW, atY) => {
      dx[atX]! += dy![atY]! * w![atW]!
    })
    return dx
  },
  vjp: (ct, [dy, w], _, params) => [
    () => upsampledConv3d(ct, w!, null, params),
    () => upsampledConv3dWeight(ct, dy!, params),
  ],
  kernels: inputGradientKernels,
}

/** Gradient with respect to the weight: `(x, dy) → dw`, x at low and dy at full resolution. */
const weightGradient: Op<UpsampledConv3dParams> = {
  name: 'upsampledConv3dWeight',
  infer([x, dy], params) {
    const dw: Spec = { shape: [3, 3, 3, x!.shape[4]!, dy!.shape[4]!], dtype: 'f32' }
    checkGradient('upsampledConv3dWeight', dy!, x!, dw, params)
    return dw
  },
  reference([x, dy], params, [xSpec], output) {
    const dw = new Float64Array(elements(output.shape))
    visitUpsampled(upsampledGeometry('upsampledConv3dWeight', xSpec!, output, params), (atX, atW, atY) => {
      dw[atW]! += x![atX]! * dy![atY]!
    })
    return dw
  },
  vjp: (ct, [x, dy], _, params) => [
    () => upsampledConv3dInput(dy!, ct, params),
    () => upsampledConv3d(x!, ct, null, params),
  ],
  kernels: weightGradientKernels,
}
export const upsampledConv3dWeightOp = fusible(weightGradient, fusingWeightGradientKernels)

function checkGradient(op: string, dy: Spec, x: Spec, w: Spec, params: UpsampledConv3dParams): void {
  if (x.shape.some((size) => !Number.isInteger(size))) {
    throw new ShapeError(op, `[${dy.shape.join(',')}] is not even on every axis`)
  }
  const { full } = upsampledGeometry(op, x, w, params)
  if (!sameShape(dy.shape, [...upsampledSpec(x).shape.slice(0, 4), full.outputChannels])) {
    throw new ShapeError(
      op,
      `the gradient is [${dy.shape.join(',')}], the output is [${full.output.join(',')}]`,
    )
  }
}

/**
 * `conv3d(upsample(x), weight)` with 3³ taps, stride 1 and padding 1, plus `addend` if there is one:
 * `x [N,D,H,W,I]`, `weight [3,3,3,I,O]`, result and addend `[N,2D,2H,2W,O]`.
 */
export function upsampledConv3d(
  x: Tensor,
  weight: Tensor,
  addend: Tensor | null,
  { mode }: UpsampledConv3dParams,
  label?: string,
): Tensor {
  const inputs = addend ? [x, weight, addend] : [x, weight]
  return apply(upsampledConv3dOp, inputs, { mode }, label)
}

const upsampledConv3dInput = (dy: Tensor, w: Tensor, params: UpsampledConv3dParams): Tensor =>
  apply(upsampledConv3dInputOp, [dy, w], params)

const upsampledConv3dWeight = (x: Tensor, dy: Tensor, params: UpsampledConv3dParams): Tensor =>
  apply(upsampledConv3dWeightOp, [x, dy], params)
