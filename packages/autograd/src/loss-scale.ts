import {
  Arena,
  f32,
  lossScaleUpdate,
  read,
  reshape,
  sliceChannels,
  type Tensor,
  type Update,
} from '@voxnorm/tensor'

/**
 * A dynamic loss scale (Micikevicius et al. 2018, section 3.2). Gradients in half precision vanish below 6e-8; those of a
 * loss that was multiplied do not. A step whose gradients are not finite is left out, and the scale halves; after many
 * clean steps it doubles. All of that happens on the device, so that no step waits for the host.
 */
export interface LossScale {
  /** What is carried from step to step, and goes into checkpoints. Write `LOSS_SCALE_START` before the first step. */
  readonly state: Arena
  /** The same as a tensor `[3]`, for optimizers. */
  readonly scaling: Tensor
  /** The factor for the loss, a scalar. */
  readonly factor: Tensor
  /** Judges the gradients and moves the scale; before the optimizers, at the end of a plan. */
  judge(gradients: readonly Arena[]): Update
}

/** The scale, clean steps since it changed, and the factor that undoes it. */
export const LOSS_SCALE_START: Float32Array = Float32Array.of(2 ** 12, 0, 2 ** -12)

/** Clean steps after which the scale doubles. */
const GROWTH_STEPS = 2000

/** A loss scale of that name; its state must be allocated before a plan is compiled with it. */
export function lossScale(name: string, growthSteps: number = GROWTH_STEPS): LossScale {
  const state = new Arena(`${name}.lossScale`, [{ name: `${name}.lossScale`, spec: f32(3) }])
  const scaling = read(state.variables[0]!)
  return {
    state,
    scaling,
    factor: reshape(sliceChannels(scaling, 0, 1), []),
    judge: (gradients) =>
      lossScaleUpdate(
        scaling,
        gradients.map(({ whole }) => read(whole)),
        { growthSteps },
      ),
  }
}
