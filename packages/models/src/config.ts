import type { BiasFieldOptions, LabelSpecification, Scaling } from '@voxnorm/data'
import type { AdversarialTermName } from './adversarial-terms.ts'
import type {
  DiscriminatorArchitectureName,
  GeneratorArchitectureName,
  SegmenterArchitectureName,
} from './architectures.ts'

/** What voxels outside a patch count as when a convolution reaches over the border. */
export type Padding = (typeof PADDINGS)[number]

/** All names of {@link Padding}. */
export const PADDINGS = ['replicate', 'zero'] as const

/** Activation behind every normalization of generator and segmenter; leaky has slope 0.2. */
export type Activation = (typeof ACTIVATIONS)[number]

/** All names of {@link Activation}. */
export const ACTIVATIONS = ['relu', 'leaky-relu'] as const

/** What the generator's last layer goes through. */
export type GeneratorOutput = (typeof GENERATOR_OUTPUTS)[number]

/** All names of {@link GeneratorOutput}. */
export const GENERATOR_OUTPUTS = ['sigmoid', 'relu', 'none'] as const

/** The choices about S alone. */
export interface SegmenterConfig {
  /** The U-Net of the paper unless given. */
  readonly architecture?: SegmenterArchitectureName
}

/** The choices about G alone. */
export interface GeneratorConfig {
  /** The U-Net of the paper unless given. */
  readonly architecture?: GeneratorArchitectureName
  /** For curves: mm from one place with a curve of its own to the next. */
  readonly cell?: number
  /** For curves: values of each, from intensity 0 to 1. */
  readonly knots?: number
  /** For curves: how far that of a place may be from that of its volume, above 0. */
  readonly freedom?: number
}

/** The choices about D (docs/method.md#discriminator). */
export interface DiscriminatorConfig {
  /** The DCGAN in 3D of the paper unless given. */
  readonly architecture?: DiscriminatorArchitectureName
  /** Channels of the first block; each further block has twice as many. */
  readonly base: number
  /** Probability with which a whole channel is dropped in training. */
  readonly dropout: number
  /** As in the other networks unless given. */
  readonly padding?: Padding
  /** Normalize behind blocks 2 to 4, as the authors' code does. */
  readonly bn?: boolean
  /** Squeeze the logits through a sigmoid first, as the authors' code does: D can then never be certain. */
  readonly legacySigmoid?: boolean
  /** One class of generated patches for each site instead of a single one: what the term `confusion` needs. */
  readonly generatedSites?: boolean
}

/** Everything that fixes the shapes and the meaning of the three networks; part of every model file. */
export interface ModelConfig {
  /** Input channels in their order. */
  readonly modalities: readonly string[]
  /** Domains in the order of their numbers; the discriminator's classes for generated patches come after them. */
  readonly sites: readonly string[]
  readonly classes: readonly string[]
  /** Channels of the first convolution: 32 in the paper. */
  readonly base: number
  readonly padding: Padding
  readonly activation: Activation
  readonly generatorOutput: GeneratorOutput
  readonly scaling: Scaling
  /** For a scaling that learns, such as `nyul`: what it learnt of each modality. */
  readonly standardScale?: readonly (readonly number[])[]
  /** Side of the training patches in voxels. */
  readonly patch: number
  /** Edge of the voxels in mm that the networks were trained on. */
  readonly voxelSize: number
  /** Conventions of the label files that it was trained on: one, or all that occurred. */
  readonly labels?: LabelSpecification | readonly LabelSpecification[]
  readonly generator?: GeneratorConfig
  readonly segmenter?: SegmenterConfig
  readonly discriminator: DiscriminatorConfig
}

/**
 * What is trained: `adversarial` G, S and D; `preprocessor` G and S (λ = 0); `standardization` and `baseline` S alone,
 * the former on z-scored images.
 */
export type Method = (typeof METHODS)[number]

/** All names of {@link Method}. */
export const METHODS = ['adversarial', 'preprocessor', 'standardization', 'baseline'] as const

/**
 * The segmentation loss: eq. (1) of the paper, the loss of the authors' code, or the Dice loss of each class with half of
 * the cross-entropy.
 */
export type DiceLoss = (typeof DICE_LOSSES)[number]

/** All names of {@link DiceLoss}. */
export const DICE_LOSSES = ['global', 'per-class-code', 'per-class-entropy'] as const

/** Weight of each tissue class in the Dice loss. */
export interface ClassWeights {
  readonly BG: number
  readonly CSF: number
  readonly GM: number
  readonly WM: number
}

/** How the learning rate of G or S falls: in steps, or along half a cosine to 0 at the end of the last epoch. */
export type Decay = (typeof DECAYS)[number]

/** All names of {@link Decay}. */
export const DECAYS = ['milestones', 'cosine'] as const

/** Learning rate of G or S: multiplied by `gamma` at the end of each milestone epoch, unless it falls otherwise. */
export interface StepRate {
  readonly lr: number
  /** `milestones` by default. */
  readonly decay?: Decay
  readonly milestones: readonly number[]
  readonly gamma: number
}

/** What a training computes with: f32 alone, or f16 where nothing is summed up (docs/decisions/0011). */
export type Precision = (typeof PRECISIONS)[number]

/** All names of {@link Precision}. */
export const PRECISIONS = ['f32', 'mixed'] as const

/** All that a training depends on besides its data; the names are those of the configuration file. */
export interface TrainingConfig {
  readonly seed: number
  readonly data: {
    readonly modalities: readonly string[]
    readonly scaling: Scaling
    /** For a scaling that learns, such as `nyul`: what it learnt of each modality from the training subjects. */
    readonly standardScale?: readonly (readonly number[])[]
    readonly patch: number
    /** Conventions of the training labels, for the model file; they are no part of the training. */
    readonly trainingLabels?: LabelSpecification | readonly LabelSpecification[]
    readonly patchesPerSite: number
    readonly validationPatchesPerSite: number
    readonly voxelSize: number
  }
  readonly model: {
    readonly base: number
    readonly padding: Padding
    readonly activation: Activation
    readonly generatorOutput: GeneratorOutput
    readonly generator?: GeneratorConfig
    readonly segmenter?: SegmenterConfig
    /** Its classes follow from the adversarial term. */
    readonly discriminator: Omit<DiscriminatorConfig, 'generatedSites'>
  }
  readonly loss: {
    /** Weight of the adversarial term; 0 trains without discriminator. */
    readonly lambda: number
    /** Shares of the iterations between which the weight grows from 0 to lambda; [0, 0] by default. */
    readonly ramp?: readonly [number, number]
    readonly classWeights: ClassWeights
    readonly adversarial: AdversarialTermName
    /** `global` by default. */
    readonly dice?: DiceLoss
  }
  readonly optim: {
    readonly generator: StepRate
    readonly segmenter: StepRate
    readonly discriminator: {
      readonly lr: number
      readonly plateau: { readonly factor: number; readonly patience: number }
    }
    readonly weightDecay: number
  }
  readonly train: {
    readonly method: Method
    readonly epochs: number
    readonly batch: number
    /** Patches that go through the device at once; batch norm sees no more than these. */
    readonly microBatch: number | 'auto'
    readonly discriminatorSteps: number
    readonly iterationsPerEpoch: number | 'auto'
    /** Seconds of training, over all resumptions; Infinity for none. */
    readonly timeLimit: number
    /** First iterations, in which G learns the identity and S learns on raw patches; 0 by default. */
    readonly warmup?: number
    /** `mixed` stores activations, their gradients and a copy of the weights in half precision; f32 by default. */
    readonly precision?: Precision
  }
  readonly augment: { readonly biasField: BiasFieldOptions }
}
