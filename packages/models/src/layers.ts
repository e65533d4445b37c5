import { filledWith, statistic, vector, type Weights } from '@voxnorm/autograd'
import {
  batchNorm,
  cast,
  channelMoments,
  conv3d,
  elements,
  fixedMoments,
  runningStatisticsUpdate,
  type Tensor,
  type Update,
} from '@voxnorm/tensor'
import type { Padding } from './config.ts'

/** Whether batch norm uses the batch's own moments or the running statistics; dropout works in training only. */
export type Mode = 'training' | 'evaluation'

const EPSILON = 1e-5
/** Share of a batch's moments in the running statistics. */
const MOMENTUM = 0.1
/** Slope of the leaky activations below zero. */
export const LEAKY_SLOPE = 0.2

/**
 * How activations between the first and the last convolution of a network are stored: `f16` is half the memory, and what
 * matrix units want. The weights in between are rounded to it for each pass. f32 by default.
 */
export interface Storage {
  readonly activations?: 'f32' | 'f16'
}

/** Parameters of a batch norm. */
export const normParameters = (channels: number) => ({
  weight: vector(channels, filledWith(1)),
  bias: vector(channels, filledWith(0)),
  running_mean: statistic(channels, 0),
  running_var: statistic(channels, 1),
})

/** The moments that a batch norm used in training, and the running statistics that should follow them. */
export interface NormMoments {
  readonly mean: Tensor
  readonly variance: Tensor
  /** `[2, C]`: mean and biased variance of the batch. */
  readonly moments: Tensor
  /** Values per channel that they were taken over. */
  readonly count: number
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
export const layerName = (weight: Tensor): string | undefined => weight.label?.replace(/\.weight$/, '')
