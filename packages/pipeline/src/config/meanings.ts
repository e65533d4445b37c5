import type { Config } from './schema.ts'

/** What a key of the configuration means. */
export interface KeyMeaning {
  /** A sentence or two, without what is allowed: the schema says that. */
  readonly meaning: string
  /** What a number counts or measures, where it does. */
  readonly unit?: string
}

/** The same maps as in `Of`, with a meaning in the place of every value: the compiler misses a key that has none. */
type MeaningsOf<Of> = {
  readonly [Key in keyof Of]: [Of[Key]] extends [Readonly<Record<string, unknown>>]
    ? MeaningsOf<Of[Key]>
    : KeyMeaning
}

const weightOf = (tissue: string): KeyMeaning => ({ meaning: `Weight of ${tissue} in the Dice loss.` })

const stepRateOf = (network: string): MeaningsOf<Config['optim']['generator']> => ({
  lr: { meaning: `Learning rate of the ${network} in the first epoch.` },
  decay: {
    meaning:
      'How the rate falls: at the milestones, or along half a cosine to 0 at the end of the last epoch.',
  },
  milestones: {
    meaning: 'Epochs, counted from 1, at whose end the rate is multiplied by gamma.',
    unit: 'epochs',
  },
  gamma: { meaning: 'What the rate is multiplied by at a milestone.' },
})

/** What every key of the configuration means; `docs/config.md` and `voxnorm train --help-config` are made from it. */
export const KEY_MEANINGS: MeaningsOf<Config> = {
  preset: { meaning: 'Which set of defaults all keys that are not written have.' },
  seed: { meaning: 'Seed of splits, first weights, patches, dropout and augmentation.' },
  data: {
    table: {
      meaning:
        'The data: a table, or a folder of a known layout. A relative path starts at the folder of the config, one in --set where the command runs.',
    },
    labels: {
      meaning:
        'What the numbers in the label maps stand for; auto is what the data say, and bids where they say nothing.',
    },
    maskFrom: {
      meaning:
        'Where the brain is if there is no mask file: auto finds the background of the image, positive takes every voxel above zero.',
    },
    modalities: { meaning: 'The images of a subject that are the channels of the networks, in this order.' },
    scaling: {
      meaning:
        "How intensities come to one range: divided by the largest, z-scores, percentiles on a learnt scale, or white matter's mode at 0. The method standardization has zscore unless a scaling is written.",
    },
    patch: { meaning: 'Side of the training patches.', unit: 'voxels' },
    patchesPerSite: { meaning: "Size of each site's pool of training patches.", unit: 'patches' },
    validationPatchesPerSite: {
      meaning: 'Patches of each site that a validation looks at.',
      unit: 'patches',
    },
    voxelSize: { meaning: 'Edge of the voxels that images are resampled to.', unit: 'mm' },
    fold: { meaning: 'A site whose subjects all become test subjects.' },
  },
  model: {
    base: {
      meaning: 'Channels of the first convolution of generator and segmenter; deeper ones have more.',
      unit: 'channels',
    },
    padding: { meaning: 'What convolutions find outside a patch: the nearest voxel, or 0.' },
    activation: { meaning: 'Activation of generator and segmenter; leaky-relu has slope 0.2 below 0.' },
    generatorOutput: { meaning: "What the generator's last layer goes through." },
    generator: {
      architecture: {
        meaning:
          "Which network the generator is: unet3d is the paper's, curves bends intensities and cannot draw.",
      },
      cell: { meaning: 'For curves: from one place with a curve of its own to the next.', unit: 'mm' },
      knots: { meaning: 'For curves: values of each, over the range of the intensities.' },
      freedom: {
        meaning:
          'For curves: how far that of a place may be from that of its volume, in shares of the range of the intensities.',
      },
    },
    segmenter: { architecture: { meaning: "Which network the segmenter is; unet3d is the paper's." } },
    discriminator: {
      architecture: { meaning: "Which network the discriminator is; dcgan3d is the paper's." },
      base: {
        meaning: 'Channels of the first block of the discriminator; each further block has twice as many.',
        unit: 'channels',
      },
      dropout: { meaning: 'Probability with which a channel is dropped in training.' },
      bn: { meaning: 'Whether batch norm follows blocks 2 to 4.' },
      legacySigmoid: {
        meaning:
          "Whether the logits go through a sigmoid first, as in the authors' code: it can never be certain.",
      },
    },
  },
  loss: {
    lambda: { meaning: 'Weight of the adversarial term; 0 trains without discriminator.' },
    ramp: { meaning: 'Shares of the training between which that weight grows from 0 to lambda.' },
    classWeights: {
      BG: weightOf('the background'),
      CSF: weightOf('cerebrospinal fluid'),
      GM: weightOf('grey matter'),
      WM: weightOf('white matter'),
    },
    adversarial: { meaning: 'What the generator is rewarded for: see the terms in docs/method.md.' },
    dice: {
      meaning: "Dice loss: one ratio over all classes, or the mean over classes of the authors' code.",
    },
  },
  optim: {
    generator: stepRateOf('generator'),
    segmenter: stepRateOf('segmenter'),
    discriminator: {
      lr: { meaning: 'Learning rate of the discriminator in the first epoch.' },
      plateau: {
        factor: { meaning: 'What the rate is multiplied by when the loss of the discriminator stays.' },
        patience: { meaning: 'Epochs without a lower loss before that.', unit: 'epochs' },
      },
    },
    weightDecay: { meaning: 'L2 decay, added to the gradient of every weight.' },
  },
  train: {
    method: {
      meaning:
        'What is trained: generator, segmenter and discriminator; the first two; or the segmenter alone, with z-scores or without.',
    },
    epochs: { meaning: 'Epochs to train; each ends with a validation and a checkpoint.', unit: 'epochs' },
    batch: { meaning: 'Patches of a step, the sites in equal shares.', unit: 'patches' },
    microBatch: {
      meaning:
        'Patches that are on the device at once, which is what batch norm sees; it divides the batch, and auto is the largest that fits.',
      unit: 'patches',
    },
    discriminatorSteps: {
      meaning: 'Steps of the discriminator in an iteration, on fresh patches each.',
      unit: 'steps',
    },
    iterationsPerEpoch: {
      meaning: 'Length of an epoch; auto is one pass over the pools.',
      unit: 'iterations',
    },
    precision: {
      meaning:
        'What activations and their gradients are stored in: mixed is half precision where the device has it.',
    },
    deterministic: {
      meaning:
        'Whether kernels are chosen by rule, so that a seed gives the same bits on the same device; else the fastest are found by measuring.',
    },
    warmup: {
      meaning:
        'First iterations, in which the generator learns to give back its input and the discriminator waits.',
      unit: 'iterations',
    },
    timeLimit: {
      meaning:
        'When the training stops with a checkpoint: time of iterations and validations, over all resumptions. Loading before them, and previews and report behind them, are not counted.',
    },
  },
  augment: {
    biasField: {
      probability: { meaning: 'Share of the training patches that the generator sees under a bias field.' },
      alpha: { meaning: 'Range of the slope of these fields.' },
    },
  },
  inference: {
    stride: {
      meaning: 'Distance from one window to the next where a training or a reproduction predicts volumes.',
      unit: 'voxels',
    },
    blend: { meaning: 'What becomes of a voxel that several windows cover.' },
  },
}
