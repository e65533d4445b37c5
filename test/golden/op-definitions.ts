import { adversarialTerm, crossEntropy, dicePerClass, weightedDice } from '@voxnorm/models'
import {
  add,
  affine,
  batchNorm,
  channelMoments,
  concat,
  constant,
  conv3d,
  elements,
  fixedMoments,
  leakyRelu,
  logSoftmax,
  matmul,
  maxPool,
  mean,
  mul,
  relu,
  reshape,
  runningStatisticsUpdate,
  sigmoid,
  softmax,
  sum,
  type Tensor,
  type Update,
  upsample,
} from '@voxnorm/tensor'
import type { Layout } from './manifest.ts'

/** Attributes of all ops; which of them a case has depends on its op. */
export interface OpAttributes {
  readonly kernel: number
  readonly stride: number
  readonly pad: number
  readonly pad_mode: 'zero' | 'replicate'
  readonly eps: number
  readonly momentum: number
  readonly slope: number
  readonly factor: number
  readonly p: number
  readonly axes: readonly number[]
  readonly keepdims: boolean
  readonly kind: string
  readonly reduction: string
  readonly class_weights: readonly number[]
}

type Tensors = Readonly<Record<string, Tensor>>

/** An op of golden files in terms of the engine. */
export interface OpDefinition {
  /** Layouts of inputs and outputs by name, `*` for all others; plain by default. */
  readonly layouts?: Readonly<Record<string, Layout>>
  /** Inputs that are variables, whose new values are outputs of the same name. */
  readonly state?: readonly string[]
  build(inputs: Tensors, attributes: OpAttributes): Tensor
  updates?(inputs: Tensors, attributes: OpAttributes): Update[]
}

/** Throws where a file asks for more than the engine's op has. */
function requireValue(attributes: OpAttributes, name: keyof OpAttributes, only: unknown): void {
  if (attributes[name] !== undefined && attributes[name] !== only) {
    throw new TypeError(`${name} is ${attributes[name]}; only ${only} is implemented`)
  }
}

const axesOf = (x: Tensor, { axes }: OpAttributes): number[] =>
  axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis))

const ADVERSARIAL = new Map([
  ['minimax', 'minimax'],
  ['nonsaturating', 'non-saturating'],
] as const)

/** The engine's name of a kind of adversarial loss. Throws TypeError for a kind that it does not have. */
export function adversarialKind(kind: string): 'minimax' | 'non-saturating' {
  const known = ADVERSARIAL.get(kind as 'minimax')
  if (!known) throw new TypeError(`unknown kind of adversarial loss: ${kind}`)
  return known
}

function dice({ eps }: OpAttributes, loss: Tensor): Tensor {
  requireValue({ eps } as OpAttributes, 'eps', 1e-5)
  return loss
}

/** The ops, by their names in golden files. */
export const opDefinitions: Readonly<Record<string, OpDefinition>> = {
  conv3d: {
    layouts: { x: 'channels', y: 'channels', weight: 'convolution' },
    build({ x, weight, bias }, attributes) {
      const { stride, pad, pad_mode } = attributes
      requireValue(attributes, 'kernel', weight!.shape[0])
      return conv3d(x!, weight!, bias ?? null, { stride, padding: pad, mode: pad_mode })
    },
  },
  batchnorm3d_train: {
    layouts: { x: 'channels', y: 'channels' },
    state: ['running_mean', 'running_var'],
    build: ({ x, weight, bias }, { eps }) => batchNorm(x!, weight!, bias!, { epsilon: eps }),
    updates({ x, running_mean, running_var }, { momentum }) {
      const count = elements(x!.shape) / x!.shape.at(-1)!
      return [runningStatisticsUpdate(running_mean!, running_var!, channelMoments(x!), { momentum, count })]
    },
  },
  batchnorm3d_eval: {
    layouts: { x: 'channels', y: 'channels' },
    build({ x, weight, bias, running_mean, running_var }, { eps }) {
      return batchNorm(x!, weight!, bias!, {
        epsilon: eps,
        moments: fixedMoments(running_mean!, running_var!),
      })
    },
  },
  relu: { build: ({ x }) => relu(x!) },
  leaky_relu: { build: ({ x }, { slope }) => leakyRelu(x!, slope) },
  sigmoid: { build: ({ x }) => sigmoid(x!) },
  maxpool3d: {
    layouts: { '*': 'channels' },
    build({ x }, attributes) {
      requireValue(attributes, 'kernel', 2)
      requireValue(attributes, 'stride', 2)
      return maxPool(x!)
    },
  },
  upsample_nearest3d: {
    layouts: { '*': 'channels' },
    build({ x }, attributes) {
      requireValue(attributes, 'factor', 2)
      return upsample(x!)
    },
  },
  concat_channels: {
    layouts: { '*': 'channels' },
    build({ dy, ...operands }) {
      const names = Object.keys(operands).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      return concat(names.map((name) => operands[name]!))
    },
  },
  add: { build: ({ a, b }) => add(a!, b!) },
  mul: { build: ({ a, b }) => mul(a!, b!) },
  matmul: { build: ({ a, b }) => matmul(a!, b!) },
  linear: {
    layouts: { weight: 'linear' },
    build({ x, weight, bias }) {
      const product = matmul(x!, weight!)
      return bias ? add(product, bias) : product
    },
  },
  softmax_channels: { layouts: { '*': 'channels' }, build: ({ x }) => softmax(x!) },
  log_softmax: { layouts: { '*': 'channels' }, build: ({ x }) => logSoftmax(x!) },
  cross_entropy: {
    layouts: { logits: 'channels', target: 'classes' },
    build({ logits, target }, attributes) {
      requireValue(attributes, 'reduction', 'mean')
      return crossEntropy(logits!, target!)
    },
  },
  generator_adversarial: {
    build({ logits }, { kind }) {
      // Neither kind looks at where a patch came from.
      const sites = constant(
        { shape: [logits!.shape[0]!], dtype: 'u32' },
        new Array(logits!.shape[0]!).fill(0),
      )
      return adversarialTerm(adversarialKind(kind)).loss(logits!, sites)
    },
  },
  weighted_dice: {
    layouts: { s: 'channels', labels: 'classes' },
    build: ({ s, labels }, attributes) =>
      dice(attributes, weightedDice(s!, labels!, attributes.class_weights)),
  },
  softmax_weighted_dice: {
    layouts: { logits: 'channels', labels: 'classes' },
    build: ({ logits, labels }, attributes) =>
      dice(attributes, weightedDice(softmax(logits!), labels!, attributes.class_weights)),
  },
  dice_per_class_code: {
    layouts: { s: 'channels', labels: 'classes' },
    build: ({ s, labels }, { class_weights }) => dicePerClass(s!, labels!, class_weights),
  },
  sum: { build: ({ x }, attributes) => sum(x!, axesOf(x!, attributes), attributes.keepdims) },
  mean: { build: ({ x }, attributes) => mean(x!, axesOf(x!, attributes), attributes.keepdims) },
  dropout_given_mask: {
    layouts: { x: 'channels', y: 'channels' },
    build({ x, mask }, { p }) {
      const [samples, channels] = mask!.shape as [number, number]
      return mul(x!, affine(reshape(mask!, [samples, 1, 1, 1, channels]), 1 / (1 - p), 0))
    },
  },
}
