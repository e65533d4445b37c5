import { PlanError } from '../errors.ts'
import { roundToHalf } from '../graph/halves.ts'
import {
  type ConstantParams,
  collect,
  constantOp,
  type InputParams,
  inputOp,
  type Tensor,
  type Variable,
  variableOf,
} from '../graph/tensor.ts'

/** Values of inputs by name and of variables by identity, for the reference executor. */
export interface ReferenceFeeds {
  readonly inputs?: Readonly<Record<string, ArrayLike<number> | number>>
  readonly variables?: ReadonlyMap<Variable, ArrayLike<number>>
}

/**
 * Runs a graph in float64 with the ops' reference implementations: slow, obvious, the truth. Where a tensor is f16, its
 * values are rounded to that.
 */
export function execute(outputs: readonly Tensor[], feeds: ReferenceFeeds = {}): Float64Array[] {
  const values = new Map<Tensor, Float64Array>()
  for (const tensor of collect(outputs)) {
    const exact = evaluateTensor(tensor, values, feeds)
    values.set(tensor, tensor.spec.dtype === 'f16' ? exact.map(roundToHalf) : exact)
  }
  return outputs.map((tensor) => values.get(tensor)!)
}

function evaluateTensor(
  tensor: Tensor,
  values: ReadonlyMap<Tensor, Float64Array>,
  feeds: ReferenceFeeds,
): Float64Array {
  if (tensor.op === constantOp) return Float64Array.from((tensor.params as ConstantParams).values)
  if (tensor.op === inputOp) {
    const { name } = tensor.params as InputParams
    const value = feeds.inputs?.[name]
    if (value === undefined) throw new PlanError('reference', `input "${name}" was not fed`)
    return typeof value === 'number' ? Float64Array.of(value) : Float64Array.from(value)
  }
  const variable = variableOf(tensor)
  if (variable) {
    const value = feeds.variables?.get(variable)
    if (!value) throw new PlanError('reference', `variable "${variable.name}" has no value`)
    return Float64Array.from(value)
  }
  return tensor.op.reference(
    tensor.inputs.map((input) => values.get(input)!),
    tensor.params,
    tensor.inputs.map((input) => input.spec),
    tensor.spec,
  )
}
