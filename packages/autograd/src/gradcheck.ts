import {
  add,
  affine,
  constant,
  elements,
  execute,
  input,
  mul,
  type Spec,
  sum,
  type Tensor,
} from '@voxnorm/tensor'
import { grad } from './grad.ts'
import { streamKey, uniformValues } from './random.ts'

/** A point at which a function is checked. Inputs of dtype u32 (labels, seeds) are held fixed. */
export interface CheckedInput {
  readonly spec: Spec
  readonly values: ArrayLike<number>
}

/** What a check may be told. */
export interface GradcheckOptions {
  /** 2 checks the gradient of a directional derivative instead of the gradient: 1 by default. */
  readonly order?: 1 | 2
  /** Chooses the directions. */
  readonly seed?: number
  /** Largest difference, relative to the larger of the two derivatives. */
  readonly tolerance?: number
}

/** Two derivatives that should be the same number. */
export interface Derivatives {
  readonly analytic: number
  readonly numeric: number
}

/** Half the distance between the two points of a central difference; rounding and truncation are about equal. */
const STEP = 1e-5
/** Rounding errors of an evaluation in float64, relative to its value, after sums over many elements. */
const ROUNDING = 1e-14

/**
 * Checks `grad` of a function on the float64 reference: the gradient's component along one random direction must equal
 * the central difference along it, two evaluations whatever the size of the inputs. A result that is no scalar is
 * weighed with random numbers first. The point must not lie within 1e-5 of a kink.
 * Throws Error with both derivatives when they differ by more than the tolerance (1e-6).
 */
export function gradcheck(
  f: (...inputs: Tensor[]) => Tensor,
  at: readonly CheckedInput[],
  { order = 1, seed = 0, tolerance = 1e-6 }: GradcheckOptions = {},
): Derivatives {
  const point = at.map(({ spec }, index) => input(`x${index}`, spec))
  const free = point.filter(({ spec }) => spec.dtype === 'f32')
  const values = at.filter(({ spec }) => spec.dtype === 'f32').map((item) => Float64Array.from(item.values))
  const fixed = Object.fromEntries(at.map((item, index) => [`x${index}`, item.values]))
  const direction = (purpose: string) =>
    free.map(({ spec }, index) => randomUnit(elements(spec.shape), seed, `${purpose}${index}`))

  let loss = weigh(f(...point), seed)
  for (let derived = 1; derived < order; derived++) {
    const slope = along(grad(loss, free), direction('first'))
    // Where a function is linear in an input its gradient does not mention it; a zero share keeps it in the graph.
    loss = free.reduce((total, x) => add(total, affine(sum(x), 0, 0)), slope)
  }
  const v = direction('checked')
  const analyticNode = along(grad(loss, free), v)

  const evaluate = (node: Tensor, t: number): number => {
    const inputs: Record<string, ArrayLike<number>> = { ...fixed }
    free.forEach((x, index) => {
      inputs[x.label!] = values[index]!.map((value, i) => value + t * v[index]![i]!)
    })
    return execute([node], { inputs })[0]![0]!
  }
  const analytic = evaluate(analyticNode, 0)
  const [ahead, behind] = [evaluate(loss, STEP), evaluate(loss, -STEP)]
  const numeric = (ahead - behind) / (2 * STEP)
  const rounding = (ROUNDING * Math.max(Math.abs(ahead), Math.abs(behind))) / STEP
  const allowed = tolerance * Math.max(Math.abs(analytic), Math.abs(numeric)) + rounding
  // Written so that NaN fails too.
  if (!(Math.abs(analytic - numeric) <= allowed)) {
    throw new Error(
      `gradcheck: derivatives of order ${order} differ\n  analytic ${analytic}\n  numeric  ${numeric}\n` +
        `  allowed difference ${allowed}`,
    )
  }
  return { analytic, numeric }
}

/** A point drawn uniformly between `low` and `high`, the same for the same seed. */
export function randomPoint(spec: Spec, seed: number, low = -1, high = 1): CheckedInput {
  return { spec, values: uniformValues(streamKey(seed, 'point'), elements(spec.shape), low, high) }
}

/** A scalar in which every element of `y` counts with a weight of its own. */
function weigh(y: Tensor, seed: number): Tensor {
  const weights = uniformValues(streamKey(seed, 'weights'), elements(y.shape), 0.5, 1.5)
  return sum(mul(y, constant({ shape: y.shape, dtype: 'f32' }, [...weights])))
}

/** The component of gradients along directions, as a node. */
function along(gradients: readonly Tensor[], directions: readonly (readonly number[])[]): Tensor {
  return gradients
    .map((gradient, index) => sum(mul(gradient, constant(gradient.spec, directions[index]!))))
    .reduce((total, share) => add(total, share))
}

/** A direction of length 1. */
function randomUnit(count: number, seed: number, name: string): number[] {
  const values = [...uniformValues(streamKey(seed, name), count, -1, 1)]
  const length = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0))
  return values.map((value) => value / length)
}
