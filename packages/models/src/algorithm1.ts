import { stopGradient } from '@voxnorm/autograd'
import { add, f32, input, mean, mul, square, sub, type Tensor, u32 } from '@voxnorm/tensor'
import { type AdversarialTerms, adversarialTerm } from './adversarial-terms.ts'
import type { ImagePass } from './architecture.ts'
import type { ModelConfig, TrainingConfig } from './config.ts'
import type { StepDefinition, TrainedNetwork } from './gradient-step.ts'
import { followStatistics, type NormMoments, type Storage } from './layers.ts'
import {
  crossEntropy,
  crossEntropyOf,
  crossEntropyOfGenerated,
  dicePerClass,
  diceWithEntropy,
  weightedDice,
} from './losses.ts'
import { discriminate, generate, type Networks, segment } from './networks.ts'
import { type VolumeView, type VolumeViews, viewInput } from './volume-view.ts'

/** What the graphs of a training step are made from. */
export interface StepSetup {
  readonly networks: Networks
  readonly config: ModelConfig & Storage
  readonly loss: TrainingConfig['loss']
  /** What `loss.adversarial` may name. */
  readonly terms?: AdversarialTerms
  /** Patches that go through the graph at once. */
  readonly batch: number
  /** Keeps G's running statistics still in the steps of D. PyTorch's training mode moves them, and so does the default. */
  readonly frozenStatistics?: boolean
  /** For a generator that sees volumes: how, and on how many cells; its steps have the inputs `cells` and `origins`. */
  readonly views?: Pick<VolumeViews, 'geometry' | 'cells'> | undefined
  /** Whether G sees degraded patches (input `patches`) while D's real branch sees clean ones (input `clean`). */
  readonly augmented: boolean
}

/** D's step of Algorithm 1 (docs/method.md#algorithm-1): both cross-entropies, of real patches and of G's output. */
export interface DiscriminatorGraph {
  readonly loss: Tensor
  readonly real: Tensor
  readonly fake: Tensor
  /** `[N, K+1]` each, `[N, 2K]` where D tells apart what is generated from the sites. */
  readonly realLogits: Tensor
  readonly fakeLogits: Tensor
  readonly generatorNorms: readonly NormMoments[]
  readonly discriminatorNorms: readonly NormMoments[]
}

/**
 * Inputs: `patches` (and `clean` with augmentation), `sites`, `seed`, and `labels` for a D that sees tissues. G runs in training mode and gets no gradient:
 * nothing asks for it.
 */
export function discriminatorGraph(setup: StepSetup): DiscriminatorGraph {
  const { networks, config } = setup
  const patches = patchInput('patches', setup)
  const clean = setup.augmented ? patchInput('clean', setup) : patches
  const sites = input('sites', u32(setup.batch))
  const seed = input('seed', u32())
  const generated = generate(networks, config, patches, 'training', viewOf(setup))
  const told = { mode: 'training', seed, ...labelsFor(setup) } as const
  const onReal = discriminate(networks, config, clean, { ...told, pass: 0 })
  const onFake = discriminate(networks, config, generated.image, { ...told, pass: 1 })
  const real = crossEntropy(onReal.logits, sites)
  const fake = config.discriminator.generatedSites
    ? crossEntropyOfGenerated(onFake.logits, sites)
    : crossEntropyOf(onFake.logits, config.sites.length)
  return {
    loss: add(real, fake),
    real,
    fake,
    realLogits: onReal.logits,
    fakeLogits: onFake.logits,
    generatorNorms: generated.norms,
    discriminatorNorms: [...onReal.norms, ...onFake.norms],
  }
}

/** The step of S and, where there is one, G (docs/method.md#algorithm-1): one pass, one loss, D held fixed. */
export interface SystemGraph {
  readonly total: Tensor
  readonly segmentation: Tensor
  /** Not yet multiplied by λ. */
  readonly adversarial: Tensor | undefined
  readonly generated: (ImagePass & { readonly image: Tensor }) | undefined
  readonly segmented: ImagePass & { readonly probabilities: Tensor }
  /** D's logits for the generated patches. */
  readonly fakeLogits: Tensor | undefined
  readonly norms: readonly NormMoments[]
}

/** Inputs: `patches`, `labels`; with a discriminator also `lambda` and `seed`, and `sites` where the term asks for it. */
export function systemGraph(setup: StepSetup): SystemGraph {
  const { networks, config, loss, batch } = setup
  const patches = patchInput('patches', setup)
  const generated = networks.generator && generate(networks, config, patches, 'training', viewOf(setup))
  const image = generated?.image ?? patches
  const segmented = segment(networks, config, image, 'training')
  const segmentation = segmentationLoss(segmented.probabilities, labelInput(setup), loss)
  const norms = [...(generated?.norms ?? []), ...segmented.norms]
  const partial = { segmentation, generated, segmented, norms }
  const wished = generated?.penalty ? add(segmentation, generated.penalty) : segmentation
  if (!networks.discriminator) {
    return { ...partial, total: wished, adversarial: undefined, fakeLogits: undefined }
  }
  const seed = input('seed', u32())
  const told = { mode: 'training', seed, ...labelsFor(setup) } as const
  const { logits } = discriminate(networks, config, image, { ...told, pass: 2 })
  const adversarial = adversarialTerm(loss.adversarial, setup.terms).loss(logits, input('sites', u32(batch)))
  const total = add(wished, mul(input('lambda', f32()), adversarial))
  return { ...partial, total, adversarial, fakeLogits: logits }
}

/** Warm-up (docs/method.md#warm-up): G learns the identity, S learns on patches that skip G. */
export interface WarmupGraph {
  readonly total: Tensor
  readonly segmentation: Tensor
  /** Mean squared difference of G's input and output. */
  readonly identity: Tensor
  readonly norms: readonly NormMoments[]
}

/** Inputs: `patches`, `labels`. Needs a generator. */
export function warmupGraph(setup: StepSetup): WarmupGraph {
  const { networks, config, loss } = setup
  const patches = patchInput('patches', setup)
  const generated = generate(networks, config, patches, 'training', viewOf(setup))
  const segmented = segment(networks, config, patches, 'training')
  const segmentation = segmentationLoss(segmented.probabilities, labelInput(setup), loss)
  const identity = mean(square(sub(generated.image, stopGradient(patches))))
  return {
    total: add(segmentation, identity),
    segmentation,
    identity,
    norms: [...generated.norms, ...segmented.norms],
  }
}

/** Weights of the classes in the order of their numbers. */
export const classWeightList = ({ BG, CSF, GM, WM }: TrainingConfig['loss']['classWeights']): number[] => [
  BG,
  CSF,
  GM,
  WM,
]

const SEGMENTATION_LOSSES = {
  global: weightedDice,
  'per-class-code': dicePerClass,
  'per-class-entropy': diceWithEntropy,
} as const

function segmentationLoss(probabilities: Tensor, labels: Tensor, loss: TrainingConfig['loss']): Tensor {
  return SEGMENTATION_LOSSES[loss.dice ?? 'global'](probabilities, labels, classWeightList(loss.classWeights))
}

function patchInput(name: string, { config, batch }: Pick<StepSetup, 'config' | 'batch'>): Tensor {
  const { patch, modalities } = config
  return input(name, f32(batch, patch, patch, patch, modalities.length))
}

const viewOf = ({ views, batch }: StepSetup): VolumeView | undefined =>
  views && viewInput(views.geometry, views.cells, batch)

/** Labels for a discriminator that sees tissues. */
const labelsFor = (setup: StepSetup): { readonly labels?: Tensor } =>
  setup.networks.discriminator?.seesTissues ? { labels: labelInput(setup) } : {}

function labelInput({ config: { patch }, batch }: StepSetup): Tensor {
  return input('labels', u32(batch, patch, patch, patch))
}

/** The step of S and G, with what comes back from it and the running statistics that follow its passes. */
export function systemDefinition(setup: StepSetup, trained: readonly TrainedNetwork[]): StepDefinition {
  const { total, segmentation, adversarial, norms } = systemGraph(setup)
  const outputs = { segmentation, total, ...(adversarial && { adversarial }) }
  return { name: 'system', loss: total, outputs, trained, statistics: followStatistics(norms) }
}

/** D's step, with what comes back from it and the running statistics that follow its passes. */
export function discriminatorDefinition(
  setup: StepSetup,
  trained: readonly TrainedNetwork[],
): StepDefinition {
  const { loss, real, fake, realLogits, fakeLogits, generatorNorms, discriminatorNorms } =
    discriminatorGraph(setup)
  const norms = setup.frozenStatistics ? discriminatorNorms : [...generatorNorms, ...discriminatorNorms]
  const outputs = { real, fake, realLogits, fakeLogits }
  return { name: 'discriminator', loss, outputs, trained, statistics: followStatistics(norms) }
}

/** The step of the warm-up, with what comes back from it and the running statistics that follow its passes. */
export function warmupDefinition(setup: StepSetup, trained: readonly TrainedNetwork[]): StepDefinition {
  const { total, segmentation, identity, norms } = warmupGraph(setup)
  const outputs = { segmentation, identity }
  return { name: 'warm-up', loss: total, outputs, trained, statistics: followStatistics(norms) }
}
