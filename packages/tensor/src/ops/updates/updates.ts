import { ShapeError } from '../../errors.ts'
import { elements, type Spec, sameShape } from '../../graph/spec.ts'
import { type Tensor, type Update, update } from '../../graph/tensor.ts'
import { linearGrid, packing, type UpdateOp } from '../../op.ts'

const accumulateSource = () => import('./accumulate.wgsl')
const adamSource = () => import('./adam.wgsl')
const runningSource = () => import('./running-statistics.wgsl')
const sgdSource = () => import('./sgd.wgsl')
/** Constants of Adam. */
export interface AdamParams {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** L2 decay, added to the gradient. */
  readonly decay: number
}

function checkAlike(op: string, specs: readonly Spec[]): void {
  if (specs.some(({ shape }) => !sameShape(shape, specs[0]!.shape))) {
    throw new ShapeError(op, 'parameters, gradients and moments must have the same shape')
  }
}

const ADAM_INPUTS = ['input0', 'input1', 'input2', 'input3', 'input4', 'input5'] as const

/** `(parameter, gradient, first, second, rate, correction)`, and `scaling` for a scaled loss: see adam.wgsl. */
export const adamOp: UpdateOp<AdamParams> = {
  name: 'adam',
  updates: [0, 2, 3],
  check: (specs) => checkAlike('adam', specs.slice(0, 4)),
  reference([parameter, gradient, first, second, rate, correction, scaling], params) {
    const { beta1, beta2, epsilon, decay } = params
    const factor = scaling ? scaling[2]! : 1
    if (factor === 0) return [parameter!, first!, second!]
    const g = gradient!.map((value, index) => factor * value + decay * parameter![index]!)
    const m = first!.map((value, index) => beta1 * value + (1 - beta1) * g[index]!)
    const v = second!.map((value, index) => beta2 * value + (1 - beta2) * g[index]! ** 2)
    const step = (index: number) =>
      (rate![0]! * m[index]!) / (Math.sqrt(v[index]!) / correction![0]! + epsilon)
    return [parameter!.map((value, index) => value - step(index)), m, v]
  },
  program([parameter, , , , , , scaling], { beta1, beta2, epsilon, decay }) {
    const { numbers, constants } = packing(elements(parameter!.shape))
    const count = elements(parameter!.shape) / numbers
    return {
      stages: [
        {
          source: adamSource,
          file: 'adam.wgsl',
          constants: { ...constants, SCALED: scaling ? 1 : 0 },
          // Without a scale the correction stands in for it: a binding must exist, its values are not used.
          bindings: [...ADAM_INPUTS, scaling ? 'input6' : 'input5'],
          uniforms: { u32: [count], f32: [beta1, beta2, epsilon, decay] },
          grid: linearGrid(count, 64),
        },
      ],
    }
  },
}

/** Constants of gradient descent. */
export interface SgdParams {
  readonly momentum: number
  /** L2 decay, added to the gradient. */
  readonly decay: number
}

/** `(parameter, gradient, velocity, rate)`: see sgd.wgsl. */
export const sgdOp: UpdateOp<SgdParams> = {
  name: 'sgd',
  updates: [0, 2],
  check: (specs) => checkAlike('sgd', specs.slice(0, 3)),
  reference([parameter, gradient, velocity, rate], { momentum, decay }) {
    const v = velocity!.map(
      (value, index) => momentum * value + gradient![index]! + decay * parameter![index]!,
    )
    return [parameter!.map((value, index) => value - rate![0]! * v[index]!), v]
  },
  program([parameter], { momentum, decay }) {
    const count = elements(parameter!.shape)
    return {
      stages: [
        {
          source: sgdSource,
          file: 'sgd.wgsl',
          bindings: ['input0', 'input1', 'input2', 'input3'],
          uniforms: { u32: [count], f32: [momentum, decay] },
          grid: linearGrid(count, 64),
        },
      ],
    }
  },
}

/** `(total, value)`: adds `scale · value` to the total. */
export const accumulateOp: UpdateOp<{ readonly scale: number }> = {
  name: 'accumulate',
  updates: [0],
  check: (specs) => checkAlike('accumulate', specs),
  reference: ([total, value], { scale }) => [total!.map((sum, index) => sum + scale * value![index]!)],
  program([total], { scale }) {
    const count = elements(total!.shape)
    return {
      stages: [
        {
          source: accumulateSource,
          file: 'accumulate.wgsl',
          bindings: ['input0', 'input1'],
          uniforms: { u32: [count], f32: [scale] },
          grid: linearGrid(count, 64),
        },
      ],
    }
  },
}

/** How running statistics follow a batch of `count` values per channel. */
export interface RunningParams {
  readonly momentum: number
  readonly count: number
}

/** `(mean, variance, moments [2, C])`: moves running statistics towards a batch's mean and unbiased variance. */
export const runningStatisticsOp: UpdateOp<RunningParams> = {
  name: 'runningStatistics',
  updates: [0, 1],
  check([mean, variance, moments]) {
    const [channels] = mean!.shape
    if (!sameShape(variance!.shape, mean!.shape) || !sameShape(moments!.shape, [2, channels!])) {
      throw new ShapeError('runningStatistics', `needs [C], [C] and [2,C]`)
    }
  },
  reference([mean, variance, moments], { momentum, count }) {
    const follow = (old: number, batch: number) => old + momentum * (batch - old)
    const channels = mean!.length
    return [
      mean!.map((value, c) => follow(value, moments![c]!)),
      variance!.map((value, c) => follow(value, moments![channels + c]! * (count / (count - 1)))),
    ]
  },
  program([mean], { momentum, count }) {
    const [channels] = mean!.shape as [number]
    return {
      stages: [
        {
          source: runningSource,
          file: 'running-statistics.wgsl',
          bindings: ['input0', 'input1', 'input2'],
          uniforms: { u32: [channels], f32: [momentum, count / (count - 1)] },
          grid: linearGrid(channels, 64),
        },
      ],
    }
  },
}

/** One Adam step on variables of the same shape; see adam.wgsl for the scalars, and for `scaling [3]` of a scaled loss. */
export function adamUpdate(
  state: { readonly parameter: Tensor; readonly first: Tensor; readonly second: Tensor },
  gradient: Tensor,
  scalars: { readonly rate: Tensor; readonly correction: Tensor; readonly scaling?: Tensor },
  params: AdamParams,
): Update {
  const { parameter, first, second } = state
  const { rate, correction, scaling } = scalars
  const operands = [parameter, gradient, first, second, rate, correction]
  return update(adamOp, scaling ? [...operands, scaling] : operands, params)
}

/** One step of gradient descent with momentum on variables of the same shape. */
export function sgdUpdate(
  state: { readonly parameter: Tensor; readonly velocity: Tensor },
  gradient: Tensor,
  rate: Tensor,
  params: SgdParams,
): Update {
  return update(sgdOp, [state.parameter, gradient, state.velocity, rate], params)
}

/** Adds `scale · value` to a variable. */
export const accumulateUpdate = (total: Tensor, value: Tensor, scale: number): Update =>
  update(accumulateOp, [total, value], { scale })

/** Moves running statistics towards a batch's moments. */
export const runningStatisticsUpdate = (
  mean: Tensor,
  variance: Tensor,
  moments: Tensor,
  params: RunningParams,
): Update => update(runningStatisticsOp, [mean, variance, moments], params)
