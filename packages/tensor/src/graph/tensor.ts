import { ShapeError } from '../errors.ts'
import type { Op, UpdateOp } from '../op.ts'
import { describeSpec, elements, isIntegers, type Spec } from './spec.ts'

let nextId = 0

/**
 * A node of a graph: an op, its inputs and what is known of its result. Nothing is computed when a tensor is
 * made; a plan runs the graph on a device, the reference executor runs it in float64.
 */
export class Tensor {
  /** Increasing in the order of creation, so that sorting by it is a topological order. */
  readonly id = nextId++
  readonly op: Op<unknown>
  readonly inputs: readonly Tensor[]
  readonly params: unknown
  readonly spec: Spec
  readonly label: string | undefined

  constructor(op: Op<unknown>, inputs: readonly Tensor[], params: unknown, spec: Spec, label?: string) {
    this.op = op
    this.inputs = inputs
    this.params = params
    this.spec = spec
    this.label = label
  }

  get shape(): readonly number[] {
    return this.spec.shape
  }
}

/** The node that applies an op. Shapes are checked here, where the mistake is made. */
export function apply<P>(op: Op<P>, inputs: readonly Tensor[], params: P, label?: string): Tensor {
  try {
    const specs = inputs.map((input) => input.spec)
    refuseIntegers(op.name, specs, op.integers)
    const spec = op.infer(specs, params)
    return new Tensor(op as Op<unknown>, inputs, params, spec, label)
  } catch (error) {
    if (error instanceof ShapeError) {
      throw error.withOperands(
        inputs.map((input) => `${describeSpec(input.spec)}  ${input.label ?? input.op.name}`),
      )
    }
    throw error
  }
}

/** Throws ShapeError at the first u32 among the inputs of an op that may not be one. */
function refuseIntegers(op: string, specs: readonly Spec[], allowed: Op['integers'] = []): void {
  if (allowed === 'all') return
  const index = specs.findIndex(({ dtype }, input) => dtype === 'u32' && !allowed.includes(input))
  if (index < 0) return
  throw new ShapeError(op, `input ${index} is u32, and this op computes with floats`, {
    fix: 'feed the values as f32; class indices become indicators with oneHot',
  })
}

/** A named value that is fed at every run. */
export interface InputParams {
  readonly name: string
  readonly spec: Spec
}

function leaf<P extends object>(name: string, specOf: (params: P) => Spec): Op<P> {
  return {
    name,
    infer: (_, params) => specOf(params),
    reference() {
      throw new Error(`${name} has no value of its own`)
    },
    kernels: [],
  }
}

export const inputOp: Op<InputParams> = leaf('input', (params) => params.spec)

/** A tensor fed by name at every run of a plan. A scalar (`shape: []`) costs no buffer of its own. */
export function input(name: string, spec: Spec): Tensor {
  return apply(inputOp, [], { name, spec }, name)
}

export interface ConstantParams {
  readonly spec: Spec
  readonly values: readonly number[]
}

export const constantOp: Op<ConstantParams> = {
  ...leaf<ConstantParams>('constant', (params) => params.spec),
  reference: (_, params) => Float64Array.from(params.values),
}

/** A small tensor whose values are part of the graph. */
export function constant(spec: Spec, values: readonly number[]): Tensor {
  if (values.length !== elements(spec.shape)) {
    throw new ShapeError('constant', `${describeSpec(spec)} was given ${values.length} values`)
  }
  if (spec.dtype === 'u32' && !isIntegers(values)) {
    throw new ShapeError('constant', `${describeSpec(spec)} needs integers from 0 to 2³² − 1`)
  }
  return apply(constantOp, [], { spec, values })
}

/** Persistent memory: a parameter, a gradient, an optimizer moment, a running statistic. */
export interface Variable {
  readonly name: string
  readonly spec: Spec
}

export const variableOp: Op<{ variable: Variable }> = leaf('variable', (params) => params.variable.spec)

/** The value that a variable has when the plan starts. */
export function read(variable: Variable): Tensor {
  return apply(variableOp, [], { variable }, variable.name)
}

/** The variable behind a leaf made by `read`, if it is one. */
export function variableOf(tensor: Tensor): Variable | undefined {
  return tensor.op === variableOp ? (tensor.params as { variable: Variable }).variable : undefined
}

/** A change of variables, run after all tensors of its plan. */
export interface Update {
  readonly op: UpdateOp<unknown>
  readonly inputs: readonly Tensor[]
  readonly params: unknown
}

/** The update that applies an op to tensors; those it overwrites must be variables. */
export function update<P>(op: UpdateOp<P>, inputs: readonly Tensor[], params: P): Update {
  const specs = inputs.map((tensor) => tensor.spec)
  refuseIntegers(op.name, specs)
  op.check(specs, params)
  for (const index of op.updates) {
    if (!variableOf(inputs[index]!)) throw new ShapeError(op.name, `input ${index} must be a variable`)
  }
  return { op: op as UpdateOp<unknown>, inputs, params }
}

/** All tensors that the given ones depend on, themselves included, in a topological order. */
export function collect(roots: readonly Tensor[]): Tensor[] {
  const seen = new Set<Tensor>()
  const stack = [...roots]
  for (let tensor = stack.pop(); tensor; tensor = stack.pop()) {
    if (seen.has(tensor)) continue
    seen.add(tensor)
    stack.push(...tensor.inputs)
  }
  return [...seen].sort((a, b) => a.id - b.id)
}
