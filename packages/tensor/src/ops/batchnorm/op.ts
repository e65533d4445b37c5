import { ShapeError } from '../../errors.ts'
import { elements, type Spec, sameShape } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import type { Op } from '../../op.ts'
import { concat, sliceChannels } from '../channels/op.ts'
import { reshape } from '../reshape/op.ts'
import {
  gradientInputProgram,
  gradientSumsProgram,
  momentsProgram,
  type NormParams,
  normalizeProgram,
} from './kernels.ts'

const channelsOf = (x: Spec): number => x.shape[x.shape.length - 1]!

/** `x […, C] → [2, C]`: the mean and the biased variance of every channel. Differentiated by `batchNorm` only. */
export const momentsOp: Op<null> = {
  name: 'moments',
  infer: ([x]) => ({ shape: [2, channelsOf(x!)], dtype: 'f32' }),
  reference([x], _, [spec]) {
    const channels = channelsOf(spec!)
    const rows = x!.length / channels
    const result = new Float64Array(2 * channels)
    x!.forEach((value, index) => {
      result[index % channels]! += value / rows
    })
    x!.forEach((value, index) => {
      result[channels + (index % channels)]! += (value - result[index % channels]!) ** 2 / rows
    })
    return result
  },
  kernels: [{ name: 'shares', program: ([x], _output, _params, device) => momentsProgram(x!, device) }],
}

function checkOperands(op: string, x: Spec, moments: Spec, weight: Spec, bias: Spec): void {
  const channels = channelsOf(x)
  if (!sameShape(moments.shape, [2, channels]))
    throw new ShapeError(op, `the moments must be [2,${channels}]`)
  if (!sameShape(weight.shape, [channels]) || !sameShape(bias.shape, [channels])) {
    throw new ShapeError(op, `weight and bias must be [${channels}]`)
  }
}

/** What the formulas call x̂ and g: the normalised value, and the cotangent behind the activation. */
function pointwise(operands: readonly Float64Array[], channels: number, { epsilon, slope }: NormParams) {
  const [x, moments, weight, bias] = operands as [Float64Array, Float64Array, Float64Array, Float64Array]
  const inverse = (c: number) => 1 / Math.sqrt(moments[channels + c]! + epsilon)
  const normalised = (index: number) => (x[index]! - moments[index % channels]!) * inverse(index % channels)
  const before = (index: number) => normalised(index) * weight[index % channels]! + bias[index % channels]!
  const factor = (index: number) => (before(index) > 0 ? 1 : slope)
  return { inverse, normalised, before, factor }
}

/** `(x, moments, weight, bias) → activation(weight · (x − mean)/√(variance + ε) + bias)`. */
export const batchNormOp: Op<NormParams> = {
  name: 'batchNorm',
  infer([x, moments, weight, bias]) {
    checkOperands('batchNorm', x!, moments!, weight!, bias!)
    return x!
  },
  reference(operands, params, [spec]) {
    const { before, factor } = pointwise(operands, channelsOf(spec!), params)
    return operands[0]!.map((_, index) => before(index) * factor(index))
  },
  vjp(ct, [x, moments, weight, bias], _, params) {
    const channels = channelsOf(x!.spec)
    const operands = [ct, x!, moments!, weight!, bias!]
    const sums = () => apply(batchNormSumsOp, operands, params)
    const row = (index: number) =>
      reshape(sliceChannels(reshape(sums(), [2 * channels]), index * channels, channels), [channels])
    return [
      () => apply(batchNormInputOp, params.batch ? [...operands, sums()] : operands, params),
      // In training the gradient through the moments is part of the gradient of x; in evaluation they are constants.
      null,
      () => row(1),
      () => row(0),
    ]
  },
  kernels: [{ name: 'strided', program: ([x], _, params, device) => normalizeProgram(x!, params, device) }],
}

/** `(ct, x, moments, weight, bias) → [2, C]`: per channel Σ g and Σ g·x̂, the gradients of bias and weight. */
export const batchNormSumsOp: Op<NormParams> = {
  name: 'batchNormSums',
  infer: ([, x]) => ({ shape: [2, channelsOf(x!)], dtype: 'f32' }),
  reference([ct, ...operands], params, [, spec]) {
    const channels = channelsOf(spec!)
    const { normalised, factor } = pointwise(operands, channels, params)
    const sums = new Float64Array(2 * channels)
    ct!.forEach((value, index) => {
      const g = value * factor(index)
      sums[index % channels]! += g
      sums[channels + (index % channels)]! += g * normalised(index)
    })
    return sums
  },
  kernels: [
    { name: 'shares', program: ([, x], _, params, device) => gradientSumsProgram(x!, params, device) },
  ],
}

/** `(ct, x, moments, weight, bias, sums) → dx`, through the moments too if they are the batch's. */
export const batchNormInputOp: Op<NormParams> = {
  name: 'batchNormInput',
  infer: ([, x]) => x!,
  reference([ct, ...rest], params, [, spec]) {
    const channels = channelsOf(spec!)
    const rows = elements(spec!.shape) / channels
    const { inverse, normalised, factor } = pointwise(rest, channels, params)
    const weight = rest[2]!
    const sums = rest[4]
    return ct!.map((value, index) => {
      const c = index % channels
      const fromBatch = sums ? (sums[c]! + normalised(index) * sums[channels + c]!) / rows : 0
      return weight[c]! * inverse(c) * (value * factor(index) - fromBatch)
    })
  },
  kernels: [
    { name: 'strided', program: ([, x], _, params, device) => gradientInputProgram(x!, params, device) },
  ],
}

/** Mean and biased variance of every channel of `x […, C]`, as `[2, C]`. */
export const channelMoments = (x: Tensor): Tensor => apply(momentsOp, [x], null)

/** Fixed moments `[2, C]` from running statistics `[C]` and `[C]`. */
export const fixedMoments = (mean: Tensor, variance: Tensor): Tensor =>
  reshape(concat([mean, variance]), [2, mean.shape[0]!])

/** What `batchNorm` may be told. */
export interface BatchNormOptions {
  readonly epsilon: number
  /** Slope below zero of a fused activation; 1 (none) by default. */
  readonly slope?: number
  /** Fixed moments for evaluation mode; by default the batch's own. */
  readonly moments?: Tensor
}

/**
 * Batch normalisation of `x […, C]` with weight and bias `[C]`, and the activation that follows it in the same pass.
 * In training mode `channelMoments(x)` names the moments that it used: the graph holds them once.
 */
export function batchNorm(x: Tensor, weight: Tensor, bias: Tensor, options: BatchNormOptions): Tensor {
  const { epsilon, slope = 1, moments } = options
  return apply(batchNormOp, [x, moments ?? channelMoments(x), weight, bias], {
    epsilon,
    slope,
    batch: !moments,
  })
}
