import { PlanError } from '../errors.ts'
import { isLeaf, mergeEqual, rewireUpdate } from '../graph/rewrite.ts'
import { describeSpec, sameShape } from '../graph/spec.ts'
import { collect, type Tensor, type Update } from '../graph/tensor.ts'
import { copy } from '../ops/copy/op.ts'
import { reshapeOp } from '../ops/reshape/op.ts'
import type { Capabilities } from '../runtime/capabilities.ts'
import type { ArenaVariable } from './arena.ts'
import { type PlanRewrite, rewritesFor } from './fuse.ts'

/** What a plan computes. */
export interface PlanDefinition {
  readonly name: string
  /** Tensors whose values come back from every run. */
  readonly outputs?: Readonly<Record<string, Tensor>>
  /** Tensors whose values are written into variables, e.g. gradients into their arena. */
  readonly assign?: readonly (readonly [ArenaVariable, Tensor])[]
  /** Changes of state, in this order, after everything else. */
  readonly updates?: readonly Update[]
}

/** The graph of a plan as a device computes it. */
export interface PlanGraph {
  /** In a topological order. */
  readonly tensors: readonly Tensor[]
  readonly outputs: ReadonlyMap<string, Tensor>
  readonly updates: readonly Update[]
  /** Computed tensors whose result goes straight into a variable. */
  readonly placed: ReadonlyMap<Tensor, ArenaVariable>
}

/** Rewrites the graph for a device, and decides which results can be written straight into variables they are assigned to. */
export function normalize(
  definition: PlanDefinition,
  device: Capabilities,
  rewrites?: readonly PlanRewrite[],
): PlanGraph {
  const { name, outputs = {}, assign = [], updates = [] } = definition
  for (const [variable, tensor] of assign) {
    if (!sameShape(variable.spec.shape, tensor.shape) || variable.spec.dtype !== tensor.spec.dtype) {
      throw new PlanError(name, `${variable.name} cannot take ${describeSpec(tensor.spec)}`)
    }
  }
  const roots = [
    ...Object.values(outputs),
    ...assign.map(([, tensor]) => tensor),
    ...updates.flatMap((update) => update.inputs),
  ]
  const became = rewritten(roots, rewrites ?? rewritesFor(device), device)
  const tensors = collect([...became.values()])
  const { placed, copies } = placeAssigned(
    assign.map(([variable, tensor]) => [variable, became.get(tensor)!]),
    tensors,
  )
  return {
    tensors: [...tensors, ...copies],
    outputs: new Map(
      Object.entries(outputs).map(([outputName, tensor]) => [outputName, became.get(tensor)!]),
    ),
    updates: updates.map((update) => rewireUpdate(update, became)),
    placed,
  }
}

/** What each of the tensors has become after all rewrites. Equal tensors are one, before and after each of them. */
function rewritten(
  roots: readonly Tensor[],
  rewrites: readonly PlanRewrite[],
  device: Capabilities,
): ReadonlyMap<Tensor, Tensor> {
  const merge = (tensors: readonly Tensor[]) => mergeEqual(collect(tensors))
  let became = roots
  for (const step of [merge, ...rewrites.flatMap(({ apply }) => [apply, merge])]) {
    const next = step(became, device)
    became = became.map((tensor) => next.get(tensor)!)
  }
  return new Map(roots.map((tensor, index) => [tensor, became[index]!]))
}

/**
 * Results are written in place, unless another dispatch reads them that may write into the same arena: WebGPU forbids a
 * dispatch to do both with one buffer. Copies of a result that is wanted twice are such dispatches.
 */
function placeAssigned(
  assigned: readonly (readonly [ArenaVariable, Tensor])[],
  tensors: readonly Tensor[],
): { readonly placed: ReadonlyMap<Tensor, ArenaVariable>; readonly copies: readonly Tensor[] } {
  const isRead = new Set(
    tensors.filter(({ op }) => op !== reshapeOp).flatMap(({ inputs }) => inputs.map(source)),
  )
  const sources = assigned.map(([, tensor]) => source(tensor))
  const placed = new Map<Tensor, ArenaVariable>()
  const copies: Tensor[] = []
  for (const [index, [variable, tensor]] of assigned.entries()) {
    let made = sources[index]!
    const isWantedTwice = sources.indexOf(made) !== sources.lastIndexOf(made)
    if (isLeaf(made) || isRead.has(made) || isWantedTwice) {
      made = copy(tensor)
      copies.push(made)
    }
    placed.set(made, variable)
  }
  return { placed, copies }
}

/** The tensor whose memory a chain of reshapes shows. */
export function source(tensor: Tensor): Tensor {
  return tensor.op === reshapeOp ? source(tensor.inputs[0]!) : tensor
}
