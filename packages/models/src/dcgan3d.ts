import {
  convolutionWeight,
  fanInUniform,
  flattenedLinearWeight,
  type Parameter,
  vector,
  type Weights,
} from '@voxnorm/autograd'
import {
  add,
  cast,
  channelDropout,
  elements,
  leakyRelu,
  matmul,
  reshape,
  sigmoid,
  type Tensor,
} from '@voxnorm/tensor'
import type {
  DiscriminatorArchitecture,
  DiscriminatorOptions,
  DiscriminatorPass,
  DiscriminatorShape,
} from './architecture.ts'
import { convolve, LEAKY_SLOPE, type NormMoments, normalize, normParameters } from './layers.ts'

const BLOCKS = [1, 2, 3, 4] as const
const NORMALIZED = [2, 3, 4] as const
type Convolution = { readonly weight: Parameter; readonly bias: Parameter }
type Norm = ReturnType<typeof normParameters>

/** A discriminator as a module of parameters. */
export type Discriminator = {
  readonly [Block in `conv${(typeof BLOCKS)[number]}`]: Convolution
} & { readonly [Block in `norm${(typeof NORMALIZED)[number]}`]?: Norm } & { readonly fc: Convolution }

/**
 * Parameters of the DCGAN-style discriminator in 3D (docs/method.md#discriminator): four 3³ convolutions of stride 2 and a linear
 * layer to the logits of the classes, all starting uniform over fan-in.
 */
export function discriminator(shape: DiscriminatorShape): Discriminator {
  const { base, patch, inputs, classes, bn = false } = shape
  const channels = [inputs, ...BLOCKS.map((block) => base * 2 ** (block - 1))]
  const side = BLOCKS.reduce((size) => Math.ceil(size / 2), patch)
  const last = channels.at(-1)!
  const convolution = (block: number): Convolution => {
    const init = fanInUniform(27 * channels[block - 1]!)
    return {
      weight: convolutionWeight(3, channels[block - 1]!, channels[block]!, init),
      bias: vector(channels[block]!, init),
    }
  }
  const norm = (block: number) => (bn ? { [`norm${block}`]: normParameters(channels[block]!) } : {})
  const init = fanInUniform(side ** 3 * last)
  return {
    conv1: convolution(1),
    conv2: convolution(2),
    ...norm(2),
    conv3: convolution(3),
    ...norm(3),
    conv4: convolution(4),
    ...norm(4),
    fc: {
      weight: flattenedLinearWeight([side, side, side, last], classes, init),
      bias: vector(classes, init),
    },
  }
}

/** Runs a discriminator on `x [N, P, P, P, C]`: logits `[N, classes]`, and the moments of its norms if it has any. */
export function runDiscriminator(
  weights: Weights<Discriminator>,
  x: Tensor,
  options: DiscriminatorOptions,
): DiscriminatorPass {
  const { dropout, mode, seed, pass = 0 } = options
  const norms: NormMoments[] = []
  let features = x
  for (const block of BLOCKS) {
    features = leakyRelu(convolve(features, weights[`conv${block}`], options, 2), LEAKY_SLOPE)
    if (mode === 'training' && dropout > 0) {
      if (!seed) throw new TypeError('A discriminator with dropout needs a seed in training mode.')
      features = channelDropout(features, dropout, seed, pass * BLOCKS.length + block)
    }
    const norm = block === 1 ? undefined : weights[`norm${block}`]
    // Slope 1: nothing follows the norm in the authors' order of layers.
    if (norm) features = normalize(features, norm, 1, mode, norms)
  }
  const rows = reshape(cast(features, 'f32'), [x.shape[0]!, elements(features.shape.slice(1))])
  const logits = add(matmul(rows, weights.fc.weight), weights.fc.bias)
  return { logits: options.legacySigmoid ? sigmoid(logits) : logits, norms }
}

/** It as an architecture. */
export const dcgan3d: DiscriminatorArchitecture<Discriminator> = {
  parameters: discriminator,
  run: runDiscriminator,
}
