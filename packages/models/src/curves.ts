import {
  convolutionWeight,
  fanInUniform,
  filledWith,
  kaimingUniform,
  linearWeight,
  vector,
  type Weights,
} from '@voxnorm/autograd'
import {
  add,
  affine,
  concat,
  constant,
  conv3d,
  div,
  elements,
  f32,
  leakyRelu,
  matmul,
  mean,
  mul,
  relu,
  reshape,
  sliceChannels,
  sliceCurves,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from '@voxnorm/tensor'
import type { ImageArchitecture, ImagePass, ImagePassOptions } from './architecture.ts'
import { layerName } from './layers.ts'
import { featureCount } from './volume-view.ts'

/** Channels of the coarse network, and of the layer that looks at the whole volume. */
const WIDTH = 16
const WHOLE = 32
const SLOPE = 0.1
/**
 * How far the slopes of a volume's curve may be from 1. A curve that falls or is nearly flat lays tissues of different
 * intensity on each other, and what is steep beside it makes anatomy of noise.
 */
const STEEPEST = 0.8
/** Keeps the spread of an empty volume from being 0. */
const EPSILON = 1e-6
/** Weights of the mean squared bend of a volume's curve, and of how far its slope is from 1 where it has no voxels. */
const BEND = 0.01
const EMPTY = 0.05
/** Share of a volume's voxels at a knot from which on it is hardly empty. */
const FILLED = 0.005

/** Parameters of a generator that bends intensities: curves of `knots` values for every channel and cell. */
export function curveParameters(channels: number, knots: number) {
  const features = featureCount({ channels, knots })
  const convolution = (inputs: number) => convolutionWeight(3, inputs, WIDTH, kaimingUniform(27 * inputs))
  const linear = (inputs: number, outputs: number) => ({
    weight: linearWeight(inputs, outputs, fanInUniform(inputs)),
    bias: vector(outputs, fanInUniform(inputs)),
  })
  return {
    // Without a bias: where nothing is, there it finds nothing.
    near: { weight: convolution(features) },
    around: { weight: convolution(WIDTH), bias: vector(WIDTH, fanInUniform(27 * WIDTH)) },
    whole: linear(features + WIDTH, WHOLE),
    shift: linear(WHOLE, WIDTH),
    // These two begin with zero, which makes the identity.
    volumeSlopes: {
      weight: linearWeight(WHOLE, channels * (knots - 1), filledWith(0)),
      bias: vector(channels * (knots - 1), filledWith(0)),
    },
    cellCurve: {
      weight: convolutionWeight(1, WIDTH, channels * knots, filledWith(0)),
      bias: vector(channels * knots, filledWith(0)),
    },
  }
}

/** Such a generator as a module of parameters. */
export type Curves = ReturnType<typeof curveParameters>

/**
 * Bends the intensities of `x [N, D, H, W, C]`, which lie about 0 to 1, by curves that a coarse look at the whole volume
 * gives: out(v) = x(v) + Σ_b hat_b(x(v))·c_b(place of v), linear in intensity between the knots and in space between the
 * middles of cells. Beyond the first and the last knot curves go on with slope 1. See docs/curves.md.
 *
 * The curve of a volume has slopes between 0.2 and 1.8, before its spread is restored; that of a cell differs from it by
 * less than `freedom`. Mean and spread of a channel over the volume stay what they are in x, as its histograms tell them.
 */
export function runCurves(weights: Weights<Curves>, x: Tensor, options: ImagePassOptions): ImagePass {
  const { view, generator } = options
  if (view === undefined || generator?.freedom === undefined) {
    throw new TypeError('Curves need a view of the volume, and a freedom.')
  }
  const channels = x.shape[4]!
  const knots = weights.cellCurve.bias.shape[0]! / channels
  const { cells, origins, cell } = view

  const share = sliceChannels(cells, cells.shape[4]! - 1, 1)
  const counts = mul(sliceChannels(cells, 0, channels * knots), share)

  const { local, slopes } = coarsePass(weights, cells, share)
  const identity = knotIntensities(channels, knots)
  const together = sum(counts, [1, 2, 3], true)
  const target = momentsOf(identity, together, channels)
  const whole = curvesOfSlopes(affine(bound(slopes, STEEPEST), 1, 1), channels, knots)
  const ofVolume = standardized(whole, together, channels, target)
  const bounded = bound(local, generator.freedom)
  const values = standardized(add(ofVolume, bounded), counts, channels, target)
  const grid = sub(values, identity)

  const bent = add(x, sliceCurves(x, grid, origins, { cell, low: 0, high: 1 }))
  const output = mul(bent, inside(x))
  return {
    output,
    blocks: { grid, out: output },
    norms: [],
    penalty: straightness(ofVolume, together, knots),
  }
}

/** The coarse network: raw curves of cells `[N, Z, Y, X, C·B]`, and raw slopes of those of volumes `[N, C·(B − 1)]`. */
function coarsePass(weights: Weights<Curves>, cells: Tensor, share: Tensor) {
  const { near: first, around, whole, shift, volumeSlopes, cellCurve } = weights
  const batch = cells.shape[0]!
  const step = (input: Tensor, weight: Tensor, bias: Tensor | null) =>
    leakyRelu(conv3d(input, weight, bias, { stride: 1, padding: 1, mode: 'zero' }, layerName(weight)), SLOPE)
  const near = step(step(cells, first.weight, null), around.weight, around.bias)
  const average = (features: Tensor, by: Tensor) =>
    div(sum(mul(features, by), [1, 2, 3]), affine(sum(by, [1, 2, 3]), 1, EPSILON))
  const linear = (rows: Tensor, { weight, bias }: { weight: Tensor; bias: Tensor }) =>
    add(matmul(rows, weight), bias)
  const everywhere = (rows: Tensor) => reshape(rows, [batch, 1, 1, 1, rows.shape[1]!])
  const seen = concat([average(cells, share), average(near, share)])
  const known = leakyRelu(linear(seen, whole), SLOPE)
  const features = leakyRelu(add(near, everywhere(linear(known, shift))), SLOPE)
  const last = { stride: 1, padding: 0, mode: 'zero' } as const
  return {
    local: conv3d(features, cellCurve.weight, cellCurve.bias, last, layerName(cellCurve.weight)),
    slopes: linear(known, volumeSlopes),
  }
}

/** Curves `[N, 1, 1, 1, C·B]` that begin at 0 and have these slopes between the knots. */
function curvesOfSlopes(slopes: Tensor, channels: number, knots: number): Tensor {
  const batch = slopes.shape[0]!
  const sums = Array.from({ length: (knots - 1) * knots }, (_, index) =>
    Math.floor(index / knots) < index % knots ? 1 / (knots - 1) : 0,
  )
  const rows = reshape(slopes, [batch * channels, knots - 1])
  return reshape(matmul(rows, constant(f32(knots - 1, knots), sums)), [batch, 1, 1, 1, channels * knots])
}

/** What the knots stand for, `[C·B]`: 0 to 1 for each channel. */
function knotIntensities(channels: number, knots: number): Tensor {
  const values = Array.from({ length: channels * knots }, (_, index) => (index % knots) / (knots - 1))
  return constant(f32(channels * knots), values)
}

/** Keeps values between ±limit, with slope 1 at 0. */
const bound = (x: Tensor, limit: number): Tensor =>
  div(x, sqrt(affine(square(affine(x, 1 / limit, 0)), 1, 1)))

interface Moments {
  /** `[N, 1, C, 1]` each. */
  readonly mean: Tensor
  readonly variance: Tensor
}

/** Mean and variance over volumes of which `counts [N, Z, Y, X, C·B]` voxels are at the knots with the values `y`. */
function momentsOf(y: Tensor, counts: Tensor, channels: number): Moments {
  const total = perChannel(counts, channels)
  const all = affine(sum(total, [1, 3], true), 1, EPSILON)
  const over = (values: Tensor) => div(sum(perChannel(mul(counts, values), channels), [1, 3], true), all)
  const mean = over(y)
  return { mean, variance: sub(over(square(y)), square(mean)) }
}

/** Brings curves to a mean and a variance over their volumes. */
function standardized(y: Tensor, counts: Tensor, channels: number, target: Moments): Tensor {
  const { mean, variance } = momentsOf(y, counts, channels)
  const spread = (v: Tensor) => sqrt(affine(relu(v), 1, EPSILON))
  const factor = div(spread(target.variance), spread(variance))
  const moved = add(mul(sub(perChannel(y, channels), mean), factor), target.mean)
  return reshape(moved, y.shape)
}

/** `[N, places, C, B]`. */
function perChannel(grid: Tensor, channels: number): Tensor {
  const [batch, z, y, x, values] = grid.shape as [number, number, number, number, number]
  return reshape(grid, [batch, z * y * x, channels, values / channels])
}

/** 1 where there is brain: outside it all channels are exactly 0. */
function inside(x: Tensor): Tensor {
  const some = sum(square(x), [4], true)
  return affine(relu(affine(some, -1e30, 1)), -1, 1)
}

/**
 * What a volume's curve is charged for: bends, and slopes other than 1 between knots that few voxels are at. There, no
 * segmenter would tell the curve what to do, and what is brighter or darker than all that was seen, such as a lesion,
 * should stay so.
 */
function straightness(curve: Tensor, counts: Tensor, knots: number): Tensor {
  const rows = (values: Tensor) => reshape(values, [elements(curve.shape) / knots, knots])
  const part = (values: Tensor, start: number) => sliceChannels(values, start, knots - 1)
  const y = rows(curve)
  const slopes = affine(sub(part(y, 1), part(y, 0)), knots - 1, 0)
  const bends = sub(sliceChannels(slopes, 1, knots - 2), sliceChannels(slopes, 0, knots - 2))
  const shares = div(rows(counts), affine(sum(rows(counts), [1], true), 1, EPSILON))
  const emptiness = div(constant(f32(), [1]), affine(add(part(shares, 0), part(shares, 1)), 1 / FILLED, 1))
  const off = mean(mul(emptiness, square(affine(slopes, 1, -1))))
  return add(affine(mean(square(bends)), BEND, 0), affine(off, EMPTY, 0))
}

/** It as an architecture. */
export const curves: ImageArchitecture<Curves> = {
  sides: { multipleOf: 1, because: 'it works voxel by voxel' },
  seesVolume: true,
  parameters: ({ inputs, knots = 0 }) => curveParameters(inputs, knots),
  run: runCurves,
}
