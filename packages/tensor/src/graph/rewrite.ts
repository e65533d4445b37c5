import { exactKey, identities } from './exact-key.ts'
import { collect, constantOp, inputOp, Tensor, type Update, variableOf, variableOp } from './tensor.ts'

/**
 * A rewrite of graphs that changes how they are computed and, but for rounding, not what. It gets the tensors that somebody
 * asks for, and says what every tensor of their graphs has become.
 */
export interface GraphRewrite {
  readonly name: string
  apply(roots: readonly Tensor[]): ReadonlyMap<Tensor, Tensor>
}

/**
 * Merges tensors that say the same thing: the same op with the same parameters on the same inputs. Gradients
 * are written without regard to what was computed before, and this is what makes that free. Ops are compared by identity,
 * parameters exactly.
 * Returns the representative of every given tensor.
 */
export function mergeEqual(tensors: readonly Tensor[]): Map<Tensor, Tensor> {
  const representative = new Map<Tensor, Tensor>()
  const known = new Map<string, Tensor>()
  const identify = identities()
  for (const tensor of tensors) {
    const inputs = tensor.inputs.map((input) => representative.get(input)!)
    const own = variableOf(tensor)
    const params = own ? `#${identify(own)}` : exactKey(tensor.params, identify)
    const key = `${identify(tensor.op)}(${inputs.map(({ id }) => id).join(',')})${params}`
    const equal = known.get(key)
    if (equal) {
      representative.set(tensor, equal)
      continue
    }
    const kept = withInputs(tensor, inputs)
    known.set(key, kept)
    representative.set(tensor, kept)
  }
  return representative
}

/**
 * Applies a rule to every node of the graphs behind some tensors, inputs first. The rule gets a node whose inputs are
 * rewritten already, and the node as it was; it returns what takes its place, or undefined to keep it. Returns what every
 * node has become.
 */
export function rewrite(
  roots: readonly Tensor[],
  rule: (tensor: Tensor, original: Tensor) => Tensor | undefined,
): ReadonlyMap<Tensor, Tensor> {
  const rewritten = new Map<Tensor, Tensor>()
  for (const tensor of collect(roots)) {
    const inputs = tensor.inputs.map((input) => rewritten.get(input)!)
    const rebuilt = withInputs(tensor, inputs)
    rewritten.set(tensor, rule(rebuilt, tensor) ?? rebuilt)
  }
  return rewritten
}

/** The tensor on other inputs of the same specs; itself if they are its own. */
function withInputs(tensor: Tensor, inputs: readonly Tensor[]): Tensor {
  const unchanged = inputs.every((input, index) => input === tensor.inputs[index])
  return unchanged ? tensor : new Tensor(tensor.op, inputs, tensor.params, tensor.spec, tensor.label)
}

/** True for tensors that no kernel computes. */
export function isLeaf(tensor: Tensor): boolean {
  return tensor.op === inputOp || tensor.op === constantOp || tensor.op === variableOp
}

/** The update with its inputs replaced by their representatives. */
export function rewireUpdate(update: Update, representative: ReadonlyMap<Tensor, Tensor>): Update {
  return { ...update, inputs: update.inputs.map((input) => representative.get(input)!) }
}
