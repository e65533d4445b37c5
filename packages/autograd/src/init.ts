import { streamKey, uniformValues } from './random.ts'

/** How a parameter begins. Plain data, so that it can be printed and compared. */
export type Initializer =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly bound: number }

/** Every element the same. */
export const filledWith = (value: number): Initializer => ({ kind: 'constant', value })

/**
 * Uniform between ±√(6 / fan): the variance 2 / fan keeps the scale of activations (fan-in) or of gradients (fan-out)
 * through layers with ReLU (He et al. 2015, "Delving deep into rectifiers", eq. 10 and 14). For a convolution, fan-in
 * is K³·inputs and fan-out K³·outputs.
 */
export const kaimingUniform = (fan: number): Initializer => ({ kind: 'uniform', bound: Math.sqrt(6 / fan) })

/** Uniform between ±1 / √(fan-in): what PyTorch gives to convolutions and linear layers, weights and biases alike. */
export const fanInUniform = (fanIn: number): Initializer => ({ kind: 'uniform', bound: 1 / Math.sqrt(fanIn) })

/**
 * The first `count` values of a parameter. They depend on the seed and on the parameter's name alone: adding a layer
 * elsewhere changes nothing here.
 */
export function initialValues(init: Initializer, count: number, seed: number, name: string): Float32Array {
  if (init.kind === 'constant') return new Float32Array(count).fill(init.value)
  return uniformValues(streamKey(seed, name), count, -init.bound, init.bound)
}
