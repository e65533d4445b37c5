import {
  type AdamParams,
  Arena,
  type ArenaVariable,
  accumulateUpdate,
  adamUpdate,
  broadcastTo,
  constant,
  f32,
  input,
  read,
  type SgdParams,
  sgdUpdate,
  type Tensor,
  type Update,
} from '@voxnorm/tensor'
import type { LossScale } from './loss-scale.ts'

/**
 * An optimizer of one arena of parameters. Everything that it remembers lies in arenas of the same layout, so that a
 * step is one dispatch over all parameters. The arenas must be allocated before a plan is compiled with them.
 */
export interface Optimizer {
  /** Where the gradients of the parameters are expected, and stay until they are overwritten or cleared. */
  readonly gradients: Arena
  /** What is carried from step to step, by name: goes into checkpoints together with the number of steps. */
  readonly state: Readonly<Record<string, Arena>>
  /** The step itself, for the end of a plan. */
  readonly update: Update
  /** Values for the scalar inputs of `update` at a learning rate; `step` counts from 1. */
  feeds(rate: number, step: number): Record<string, number>
}

/** Adam's usual constants (Kingma and Ba 2015), and no decay. */
const ADAM_DEFAULTS: AdamParams = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0 }

/**
 * Adam (Kingma and Ba 2015, algorithm 1) with the L2 decay added to the gradient, as PyTorch's `Adam` has it. The
 * corrections of the moments' bias depend on the step alone and are computed here, in double precision.
 *
 * With a `scale`, the gradients are those of a loss that was multiplied by its factor. Steps that it leaves out count for
 * the corrections all the same: the host does not know of them, and their effect is gone with the first thousand steps.
 */
export function adam(
  parameters: Arena,
  options: Partial<AdamParams> = {},
  scale?: Pick<LossScale, 'scaling'>,
): Optimizer {
  const params = { ...ADAM_DEFAULTS, ...options }
  const gradients = likeArena(parameters, 'gradients')
  const first = likeArena(parameters, 'first')
  const second = likeArena(parameters, 'second')
  const [rateName, correctionName] = [`${parameters.name}.rate`, `${parameters.name}.correction`]
  return {
    gradients,
    state: { first, second },
    update: adamUpdate(
      { parameter: read(parameters.whole), first: read(first.whole), second: read(second.whole) },
      read(gradients.whole),
      {
        rate: input(rateName, f32()),
        correction: input(correctionName, f32()),
        ...(scale && { scaling: scale.scaling }),
      },
      params,
    ),
    feeds: (rate, step) => ({
      [rateName]: rate / (1 - params.beta1 ** step),
      [correctionName]: Math.sqrt(1 - params.beta2 ** step),
    }),
  }
}

/** Gradient descent with momentum and with the L2 decay added to the gradient, as PyTorch's `SGD` has it. */
export function sgd(parameters: Arena, options: Partial<SgdParams> = {}): Optimizer {
  const gradients = likeArena(parameters, 'gradients')
  const velocity = likeArena(parameters, 'velocity')
  const rateName = `${parameters.name}.rate`
  return {
    gradients,
    state: { velocity },
    update: sgdUpdate(
      { parameter: read(parameters.whole), velocity: read(velocity.whole) },
      read(gradients.whole),
      input(rateName, f32()),
      { momentum: 0, decay: 0, ...options },
    ),
    feeds: (rate) => ({ [rateName]: rate }),
  }
}

/** For a plan's `assign`: gradients, in the order of the parameters, replace those of the step before. */
export const overwriteGradients = (
  { gradients }: Optimizer,
  values: readonly Tensor[],
): [ArenaVariable, Tensor][] => pairUp(gradients, values)

/**
 * For a plan's `updates`: gradients of one micro-batch, times `scale`, join those already there. With n micro-batches
 * of equal size and losses that are means, a scale of 1 / n gives the gradient of the whole batch.
 */
export const addGradients = ({ gradients }: Optimizer, values: readonly Tensor[], scale: number): Update[] =>
  pairUp(gradients, values).map(([variable, value]) => accumulateUpdate(read(variable), value, scale))

/** For a plan's `assign`: all gradients become zero. */
export const clearGradients = ({ gradients: { whole } }: Optimizer): [ArenaVariable, Tensor][] => [
  [whole, broadcastTo(constant(f32(), [0]), whole.spec.shape)],
]

const likeArena = (parameters: Arena, purpose: string): Arena =>
  new Arena(`${parameters.name}.${purpose}`, parameters.variables)

function pairUp(gradients: Arena, values: readonly Tensor[]): [ArenaVariable, Tensor][] {
  if (values.length !== gradients.variables.length) {
    throw new RangeError(
      `${gradients.name} has ${gradients.variables.length} variables but was given ${values.length} gradients`,
    )
  }
  return gradients.variables.map((variable, index) => [variable, values[index]!])
}
