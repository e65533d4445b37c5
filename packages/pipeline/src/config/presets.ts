import type { Config } from './schema.ts'

// The setup of the paper (sections 3 and 4); where it is silent, the choice is told in docs/method.md#paper-and-code.
const paper: Config = {
  preset: 'paper',
  seed: 42,
  data: {
    table: 'dataset.tsv',
    labels: 'auto',
    maskFrom: 'auto',
    modalities: ['T1w'],
    scaling: 'max',
    patch: 32,
    patchesPerSite: 40_000,
    validationPatchesPerSite: 12_000,
    voxelSize: 1,
    fold: 'none',
  },
  model: {
    base: 32,
    padding: 'replicate',
    activation: 'relu',
    generatorOutput: 'sigmoid',
    generator: { architecture: 'unet3d', cell: 16, knots: 12, freedom: 0.06 },
    segmenter: { architecture: 'unet3d' },
    discriminator: { architecture: 'dcgan3d', base: 16, dropout: 0.25, bn: false, legacySigmoid: false },
  },
  loss: {
    lambda: 1.5,
    ramp: [0, 0],
    classWeights: { BG: 0.22, CSF: 0.3, GM: 0.2, WM: 0.28 },
    adversarial: 'minimax',
    dice: 'global',
  },
  optim: {
    generator: { lr: 1e-3, decay: 'milestones', milestones: [50, 75], gamma: 0.1 },
    segmenter: { lr: 1e-3, decay: 'milestones', milestones: [50, 75], gamma: 0.1 },
    discriminator: { lr: 1e-4, plateau: { factor: 0.1, patience: 7 } },
    weightDecay: 1e-3,
  },
  train: {
    method: 'adversarial',
    epochs: 120,
    batch: 72,
    microBatch: 'auto',
    discriminatorSteps: 3,
    iterationsPerEpoch: 'auto',
    precision: 'f32',
    deterministic: true,
    warmup: 0,
    timeLimit: 'none',
  },
  augment: { biasField: { probability: 0, alpha: [0, 1] } },
  inference: { stride: 8, blend: 'mean' },
}

// What was tried on the way to these numbers is told in docs/tiny-preset.md.
const tiny: Config = {
  ...paper,
  preset: 'tiny',
  data: { ...paper.data, patch: 16, patchesPerSite: 2000, validationPatchesPerSite: 16, voxelSize: 2 },
  model: {
    ...paper.model,
    base: 4,
    padding: 'zero',
    activation: 'leaky-relu',
    discriminator: { ...paper.model.discriminator, base: 4 },
  },
  loss: {
    lambda: 0.1,
    ramp: [0, 0],
    classWeights: { BG: 0.1, CSF: 0.4, GM: 0.25, WM: 0.25 },
    adversarial: 'minimax',
    dice: 'per-class-code',
  },
  optim: {
    generator: { lr: 7e-3, decay: 'milestones', milestones: [6, 8], gamma: 0.3 },
    segmenter: { lr: 7e-3, decay: 'milestones', milestones: [6, 8], gamma: 0.3 },
    discriminator: { lr: 1e-3, plateau: { factor: 0.1, patience: 7 } },
    weightDecay: 0,
  },
  train: {
    ...paper.train,
    epochs: 10,
    batch: 4,
    discriminatorSteps: 1,
    iterationsPerEpoch: 25,
    warmup: 60,
  },
  inference: { stride: 8, blend: 'mean' },
}

/**
 * Complete sets of settings by name.
 *
 * `paper` is the article. `authors-code` follows the authors' repository as far as the settings reach: their Dice loss
 * and adversarial term, class weights of CSF and WM exchanged, leaky activations, a discriminator with batch norm and
 * squeezed logits, 150 epochs; its U-Net stays the paper's. `tiny` is the paper's networks, small enough for a CPU and
 * for tests. `voxnorm` is ours for a CPU: a generator that can only bend intensities (docs/curves.md).
 */
export const PRESETS: Readonly<Record<Config['preset'], Config>> = {
  paper,
  'authors-code': {
    ...paper,
    preset: 'authors-code',
    model: {
      ...paper.model,
      activation: 'leaky-relu',
      discriminator: { ...paper.model.discriminator, bn: true, legacySigmoid: true },
    },
    loss: {
      ...paper.loss,
      classWeights: { BG: 0.22, CSF: 0.28, GM: 0.2, WM: 0.3 },
      adversarial: 'others',
      dice: 'per-class-code',
    },
    train: { ...paper.train, epochs: 150 },
  },
  tiny,
  voxnorm: {
    ...tiny,
    preset: 'voxnorm',
    data: { ...tiny.data, scaling: 'unit-zscore', patchesPerSite: 20_000 },
    model: {
      ...tiny.model,
      activation: 'relu',
      generatorOutput: 'none',
      generator: { ...paper.model.generator, architecture: 'curves' },
    },
    loss: {
      lambda: 0,
      ramp: [0.15, 0.4],
      classWeights: { BG: 0.15, CSF: 0.35, GM: 0.25, WM: 0.25 },
      adversarial: 'minimax',
      dice: 'per-class-entropy',
    },
    optim: {
      ...tiny.optim,
      generator: { ...tiny.optim.generator, lr: 4e-3, decay: 'cosine' },
      segmenter: { ...tiny.optim.segmenter, lr: 5e-3, decay: 'cosine' },
    },
    train: { ...tiny.train, method: 'preprocessor', epochs: 28, iterationsPerEpoch: 60, batch: 3, warmup: 0 },
  },
}
