import type { Weights } from '@voxnorm/autograd'
import type { Tensor } from '@voxnorm/tensor'
import type { Activation, DiscriminatorConfig, GeneratorConfig, Padding } from './config.ts'
import type { Mode, NormMoments, Storage } from './layers.ts'
import type { VolumeView } from './volume-view.ts'

/** Which sides a network can take, and why. */
export interface SideRule {
  /** In voxels: sides are multiples of it, and none is smaller. It is the side of the network's coarsest voxels. */
  readonly multipleOf: number
  /** The reason, in words that fit into brackets. */
  readonly because: string
}

/** What fixes the shapes of a network from images to images. */
export interface ImageNetworkShape {
  /** Channels of the first convolution. */
  readonly base: number
  /** Channels of the images that go in and come out. */
  readonly inputs: number
  readonly outputs: number
  /** For curves: the values of each. */
  readonly knots?: number
}

/** How such a network is run. */
export interface ImagePassOptions extends Storage {
  readonly padding: Padding
  readonly activation: Activation
  readonly mode: Mode
  readonly generator?: GeneratorConfig
  /** Given to architectures that see volumes. */
  readonly view?: VolumeView
}

/** What a pass of such a network leaves behind. */
export interface ImagePass {
  /** `[N, D, H, W, outputs]`, before any last activation. */
  readonly output: Tensor
  /** Outputs of the network's blocks by their names. */
  readonly blocks: Readonly<Record<string, Tensor>>
  /** Empty in evaluation mode. */
  readonly norms: readonly NormMoments[]
  /** What training adds to the loss, a scalar; for networks that have wishes about themselves. */
  readonly penalty?: Tensor
}

/** A network from images to images on the same grid, as a value: what a generator or a segmenter can be. */
export interface ImageArchitecture<Module extends object = object> {
  /** For the sides of training patches and of windows. */
  readonly sides: SideRule
  /**
   * Whether a pass is told of the volume that its input is a part of. The results of such a generator fit together at any
   * cut, and prediction runs it on whole volumes.
   */
  readonly seesVolume?: true
  /** Shapes and first values. Names of fields become names of tensors in model files. */
  parameters(shape: ImageNetworkShape): Module
  /** Runs it on `x [N, D, H, W, C]`. Throws ShapeError for sides against the rule. */
  run(weights: Weights<Module>, x: Tensor, options: ImagePassOptions): ImagePass
}

/** What fixes the shapes of a discriminator. */
export interface DiscriminatorShape extends DiscriminatorConfig {
  /** Side of its input in voxels. */
  readonly patch: number
  /** Channels of its input. */
  readonly inputs: number
  /** K + 1: the sites, and generated patches last. With `generatedSites` 2 K: what was generated from each site. */
  readonly classes: number
}

/** How a discriminator is run. */
export interface DiscriminatorOptions extends Storage {
  readonly padding: Padding
  readonly dropout: number
  readonly legacySigmoid?: boolean
  readonly mode: Mode
  /** For dropout in training: a scalar that changes with every step, and a number that tells passes of a step apart. */
  readonly seed?: Tensor
  readonly pass?: number
  /** `[N, P, P, P]` (u32), internal classes: given to architectures that see tissues. */
  readonly labels?: Tensor
}

/** What a pass of a discriminator leaves behind. */
export interface DiscriminatorPass {
  /** `[N, classes]`. */
  readonly logits: Tensor
  /** Empty in evaluation mode, or when it has no norms. */
  readonly norms: readonly NormMoments[]
}

/** A network from patches to logits, as a value: what a discriminator can be. It takes patches of any side. */
export interface DiscriminatorArchitecture<Module extends object = object> {
  /** Whether a pass is told the tissues of its patches. */
  readonly seesTissues?: true
  /** Shapes and first values. Names of fields become names of tensors in model files. */
  parameters(shape: DiscriminatorShape): Module
  /** Runs it on `x [N, P, P, P, C]`. */
  run(weights: Weights<Module>, x: Tensor, options: DiscriminatorOptions): DiscriminatorPass
}
