import { elements, f32, type Spec } from '@voxnorm/tensor'
import { filledWith, type Initializer } from './init.ts'
import {
  convolutionLayout,
  type FileLayout,
  flattenedLinearLayout,
  linearLayout,
  vectorLayout,
} from './layout.ts'

/**
 * What a network remembers: a leaf of a module. It has no values and no name of its own; the name comes from the
 * path that leads to it, the values live in an arena.
 */
export interface Parameter {
  /** Trained by an optimizer, or a running statistic that the forward pass itself updates. */
  readonly role: 'trained' | 'statistic'
  /** As the engine sees it. */
  readonly spec: Spec
  /** As files hold it. */
  readonly layout: FileLayout
  readonly init: Initializer
}

/** Weights `[K,K,K,I,O]` of a cubic 3D convolution. */
export const convolutionWeight = (
  kernel: number,
  inputs: number,
  outputs: number,
  init: Initializer,
): Parameter => ({
  role: 'trained',
  spec: f32(kernel, kernel, kernel, inputs, outputs),
  layout: convolutionLayout(kernel, inputs, outputs),
  init,
})

/** Weights `[in, out]` of a linear layer. */
export const linearWeight = (inputs: number, outputs: number, init: Initializer): Parameter => ({
  role: 'trained',
  spec: f32(inputs, outputs),
  layout: linearLayout(inputs, outputs),
  init,
})

/** Weights `[D·H·W·C, out]` of a linear layer on a flattened feature map `[D,H,W,C]`. */
export const flattenedLinearWeight = (
  featureMap: readonly [number, number, number, number],
  outputs: number,
  init: Initializer,
): Parameter => ({
  role: 'trained',
  spec: f32(elements(featureMap), outputs),
  layout: flattenedLinearLayout(featureMap, outputs),
  init,
})

/** A trained vector: a bias, or the scale and shift of a normalization. */
export const vector = (size: number, init: Initializer): Parameter => ({
  role: 'trained',
  spec: f32(size),
  layout: vectorLayout(size),
  init,
})

/** A running statistic of `size` channels that begins at `value`. */
export const statistic = (size: number, value: number): Parameter => ({
  role: 'statistic',
  spec: f32(size),
  layout: vectorLayout(size),
  init: filledWith(value),
})
