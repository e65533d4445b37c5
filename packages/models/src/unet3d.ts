import {
  convolutionWeight,
  fanInUniform,
  filledWith,
  kaimingUniform,
  statistic,
  vector,
  type Weights,
} from '@voxnorm/autograd'
import {
  batchNorm,
  cast,
  channelMoments,
  concat,
  conv3d,
  elements,
  fixedMoments,
  maxPool,
  runningStatisticsUpdate,
  type Tensor,
  type Update,
  upsample,
} from '@voxnorm/tensor'
import type { Activation, Padding } from './config.ts'

/** Whether batch norm uses the batch's own moments or the running statistics; dropout works in training only. */
export type Mode = 'training' | 'evaluation'

const EPSILON = 1e-5
/** Share of a batch's moments in the running statistics. */
const MOMENTUM = 0.1
/** Slope of the leaky activations below zero. */
export const LEAKY_SLOPE = 0.2

/** Parameters of a batch norm. */
export const normParameters = (channels: number) => ({
  weight: vector(channels, filledWith(1)),
  bias: vector(channels, filledWith(0)),
  running_mean: statistic(channels, 0),
  running_var: statistic(channels, 1),
})

const convolutionParameters = (inputs: number, outputs: number) => ({
  weight: convolutionWeight(3, inputs, outputs, kaimingUniform(27 * outputs)),
  bias: vector(outputs, fanInUniform(27 * inputs)),
})

const blockParameters = (inputs: number, middle: number, outputs: number) => ({
  conv0: convolutionParameters(inputs, middle),
  norm0: normParameters(middle),
  conv1: convolutionParameters(middle, outputs),
  norm1: normParameters(outputs),
})

/**
 * Parameters of the 3D U-Net that generator and segmenter share (docs/method.md#generator-and-segmenter), `base` channels
 * wide: with base 32 its blocks have 32-64, 64-128, 128-256 and 256-512 channels on the way down and 256, 128, 64 on the way up.
 *
 * Convolutions start Kaiming-uniform over fan-out as in the authors' code. The last one uses fan-in instead: with one
 * output channel, fan-out would start the sigmoid behind it saturated.
 */
export const uNet3d = (base: number, inputs: number, outputs: number) => ({
  enc1: blockParameters(inputs, base, 2 * base),
  enc2: blockParameters(2 * base, 2 * base, 4 * base),
  enc3: blockParameters(4 * base, 4 * base, 8 * base),
  enc4: blockParameters(8 * base, 8 * base, 16 * base),
  dec3: blockParameters(24 * base, 8 * base, 8 * base),
  dec2: blockParameters(12 * base, 4 * base, 4 * base),
  dec1: blockParameters(6 * base, 2 * base, 2 * base),
  out: {
    weight: convolutionWeight(1, 2 * base, outputs, kaimingUniform(2 * base)),
    bias: vector(outputs, fanInUniform(2 * base)),
  },
})

/** A U-Net as a module of parameters. */
export type UNet3d = ReturnType<typeof uNet3d>

/**
 * How activations between the first and the last convolution of a network are stored: `f16` is half the memory, and what
 * matrix units want. The weights in between are rounded to it for each pass. f32 by default.
 */
export interface Storage {
  readonly activations?: 'f32' | 'f16'
}

/** How a U-Net is run. */
export interface UNetOptions extends Storage {
  readonly padding: Padding
  readonly activation: Activation
  readonly mode: Mode
}

/** The moments that a batch norm used in training, and the running statistics that should follow them. */
export interface NormMoments {
  readonly mean: Tensor
  readonly variance: Tensor
  /** `[2, C]`: mean and biased variance of the batch. */
  readonly moments: Tensor
  /** Values per channel that they were taken over. */
  readonly count: number
}

/** What a forward pass leaves behind. */
export interface UNetPass {
  /** `[N, D, H, W, outputs]`, before any last activation. */
  readonly output: Tensor
  /** Output of every block by its name, `out` included. */
  readonly blocks: Readonly<Record<keyof UNet3d, Tensor>>
  /** Empty in evaluation mode. */
  readonly norms: readonly NormMoments[]
}

/** Runs a U-Net on `x [N, D, H, W, C]`; D, H and W must be multiples of 8. Throws ShapeError otherwise. */
export function runUNet3d(weights: Weights<UNet3d>, x: Tensor, options: UNetOptions): UNetPass {
  const norms: NormMoments[] = []
  const block = (name: Exclude<keyof UNet3d, 'out'>, input: Tensor): Tensor => {
    const { conv0, norm0, conv1, norm1 } = weights[name]
    const slope = options.activation === 'relu' ? 0 : LEAKY_SLOPE
    const middle = normalize(convolve(input, conv0, options), norm0, slope, options.mode, norms)
    return normalize(convolve(middle, conv1, options), norm1, slope, options.mode, norms)
  }
  const join = (skip: Tensor, below: Tensor): Tensor => concat([skip, upsample(below)])

  const enc1 = block('enc1', x)
  const enc2 = block('enc2', maxPool(enc1))
  const enc3 = block('enc3', maxPool(enc2))
  const enc4 = block('enc4', maxPool(enc3))
  const dec3 = block('dec3', join(enc3, enc4))
  const dec2 = block('dec2', join(enc2, dec3))
  const dec1 = block('dec1', join(enc1, dec2))
  const { weight, bias } = weights.out
  const last = { stride: 1, padding: 0, mode: 'zero', result: 'f32' } as const
  const out = conv3d(dec1, weight, bias, last, layerName(weight))
  return { output: out, blocks: { enc1, enc2, enc3, enc4, dec3, dec2, dec1, out }, norms }
}

/** A 3³ convolution that keeps the size, or halves it with stride 2. It multiplies in the type that x is stored in. */
export function convolve(
  x: Tensor,
  { weight, bias }: { readonly weight: Tensor; readonly bias: Tensor },
  { padding, activations = 'f32' }: Storage & { readonly padding: Padding },
  stride = 1,
): Tensor {
  const params = { stride, padding: 1, mode: padding, result: activations } as const
  return conv3d(x, cast(weight, x.spec.dtype), bias, params, layerName(weight))
}

/** Batch norm with the activation behind it; in training it notes in `norms` what it used. */
export function normalize(
  x: Tensor,
  norm: Weights<ReturnType<typeof normParameters>>,
  slope: number,
  mode: Mode,
  norms: NormMoments[],
): Tensor {
  const { weight, bias, running_mean: mean, running_var: variance } = norm
  if (mode === 'evaluation') {
    return batchNorm(x, weight, bias, { epsilon: EPSILON, slope, moments: fixedMoments(mean, variance) })
  }
  norms.push({ mean, variance, moments: channelMoments(x), count: elements(x.shape) / x.shape.at(-1)! })
  return batchNorm(x, weight, bias, { epsilon: EPSILON, slope })
}

/** The updates that let running statistics follow a training pass, for the end of its plan. */
export const followStatistics = (norms: readonly NormMoments[]): Update[] =>
  norms.map(({ mean, variance, moments, count }) =>
    runningStatisticsUpdate(mean, variance, moments, { momentum: MOMENTUM, count }),
  )

/** `generator.enc1.conv0` for its weight: what a profile calls the layer. */
const layerName = (weight: Tensor): string | undefined => weight.label?.replace(/\.weight$/, '')
