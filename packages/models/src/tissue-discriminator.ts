import {
  convolutionWeight,
  fanInUniform,
  kaimingUniform,
  linearWeight,
  vector,
  type Weights,
} from '@voxnorm/autograd'
import {
  add,
  affine,
  concat,
  conv3d,
  div,
  leakyRelu,
  matmul,
  mul,
  oneHot,
  reshape,
  sliceChannels,
  softHistogram,
  sum,
  sumPool,
  type Tensor,
} from '@voxnorm/tensor'
import type {
  DiscriminatorArchitecture,
  DiscriminatorOptions,
  DiscriminatorPass,
  DiscriminatorShape,
} from './architecture.ts'
import { LEAKY_SLOPE, layerName } from './layers.ts'

/** CSF, grey and white matter. */
const TISSUES = 3
const KNOTS = 12
const HIDDEN = 32
/** Voxels that a tissue lacks to count in full: in a patch with a few of its voxels, it says little. */
const FEW = 4

/** Parameters of a discriminator that looks at tissues; `base` channels in the first convolution, twice as many in the next. */
export function tissueDiscriminator({ base, inputs, classes }: DiscriminatorShape) {
  const pooled = TISSUES * (inputs * KNOTS + 3 * base)
  const convolution = (from: number, to: number) => ({
    weight: convolutionWeight(3, from, to, kaimingUniform(27 * from)),
    bias: vector(to, fanInUniform(27 * from)),
  })
  const linear = (from: number, to: number) => ({
    weight: linearWeight(from, to, fanInUniform(from)),
    bias: vector(to, fanInUniform(from)),
  })
  return {
    conv1: convolution(inputs, base),
    conv2: convolution(base, 2 * base),
    hidden: linear(pooled, HIDDEN),
    fc: linear(HIDDEN, classes),
  }
}

/** Such a discriminator as a module of parameters. */
export type TissueDiscriminator = ReturnType<typeof tissueDiscriminator>

/**
 * Judges patches `x [N, P, P, P, C]` by how their tissues look: of each tissue the histogram of its intensities, and the
 * means of what two convolutions find of edges and noise. What it is shown are means over the voxels of a tissue, so it
 * cannot see how much of a tissue there is, nor its shape. P must be even.
 */
export function runTissueDiscriminator(
  weights: Weights<TissueDiscriminator>,
  x: Tensor,
  { labels, padding }: DiscriminatorOptions,
): DiscriminatorPass {
  if (labels === undefined) throw new TypeError('A discriminator of tissues needs labels.')
  const [batch, side, , , channels] = x.shape as [number, number, number, number, number]
  const masks = sliceChannels(oneHot(labels, TISSUES + 1), 1, TISSUES)
  const small = affine(sumPool(masks), 1 / 8, 0)

  const convolve = (input: Tensor, { weight, bias }: { weight: Tensor; bias: Tensor }, stride: number) =>
    leakyRelu(
      conv3d(input, weight, bias, { stride, padding: 1, mode: padding }, layerName(weight)),
      LEAKY_SLOPE,
    )
  const near = convolve(x, weights.conv1, 1)
  const far = convolve(near, weights.conv2, 2)

  const range = { cell: side, knots: KNOTS, low: 0, high: 1, classes: TISSUES }
  const counts = reshape(softHistogram(x, labels, range), [batch, TISSUES, channels * KNOTS])
  const size = reshape(sum(masks, [1, 2, 3]), [batch, TISSUES, 1])
  const shares = reshape(div(counts, affine(size, 1, FEW)), [batch, TISSUES * channels * KNOTS])
  const seen = concat([shares, ...tissueMeans(near, masks, FEW), ...tissueMeans(far, small, FEW / 8)])
  const linear = (rows: Tensor, { weight, bias }: { weight: Tensor; bias: Tensor }) =>
    add(matmul(rows, weight), bias)
  const hidden = leakyRelu(linear(affine(seen, 2, 0), weights.hidden), LEAKY_SLOPE)
  return { logits: linear(hidden, weights.fc), norms: [] }
}

/** `[N, C]` for each tissue: means of `features [N, D, H, W, C]` over its voxels in `masks [N, D, H, W, 3]`. */
function tissueMeans(features: Tensor, masks: Tensor, few: number): Tensor[] {
  return Array.from({ length: TISSUES }, (_, tissue) => {
    const mask = sliceChannels(masks, tissue, 1)
    return div(sum(mul(features, mask), [1, 2, 3]), affine(sum(mask, [1, 2, 3]), 1, few))
  })
}

/** It as an architecture. */
export const tissues: DiscriminatorArchitecture<TissueDiscriminator> = {
  seesTissues: true,
  parameters: tissueDiscriminator,
  run: runTissueDiscriminator,
}
