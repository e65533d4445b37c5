import {
  add,
  collect,
  constant,
  describeSpec,
  f32,
  ShapeError,
  sameShape,
  splitUpsampledConvolutions,
  type Tensor,
} from '@voxnorm/tensor'

/** A derivative that does not exist: an op without a gradient rule, or a target that the loss does not depend on. */
export class GradientError extends Error {
  override readonly name = 'GradientError'
  /** The label of the tensor in question, or its op's name where it has no label. */
  readonly tensor: string

  constructor(tensor: Tensor, problem: string, fix: string) {
    super(`grad: ${problem}\n  ${describe(tensor)}\n  fix: ${fix}`)
    this.tensor = tensor.label ?? tensor.op.name
  }
}

/** How `grad` may be told where to begin. */
export interface GradOptions {
  /** The cotangent of `loss`, of its shape: gradients are those of the sum of `loss · ct`. For a scalar it is 1. */
  readonly ct?: Tensor
}

/**
 * Gradients of a loss with respect to the targets, in their order, as further nodes of a graph (reverse mode). Being nodes,
 * they can be differentiated again. It is the graph of the loss with its convolutions of upsampled tensors split, as
 * `compile` splits them too, so that the cheap form is what is differentiated.
 *
 * Only nodes on a way from a target to the loss are visited, so the gradient of a discriminator's loss with respect
 * to its own parameters never touches the generator in front of it.
 * Throws ShapeError for a loss that is no scalar and has no `ct`; GradientError for a target that the loss does not
 * depend on and for an op on the way that has no gradient rule.
 */
export function grad(loss: Tensor, targets: readonly Tensor[], { ct }: GradOptions = {}): Tensor[] {
  const cotangent = startingCotangent(loss, ct)
  const became = splitUpsampledConvolutions.apply([loss, ...targets])
  return differentiate(
    became.get(loss)!,
    targets.map((target) => became.get(target)!),
    cotangent,
  )
}

function differentiate(loss: Tensor, targets: readonly Tensor[], ct: Tensor): Tensor[] {
  const cotangents = new Map<Tensor, Tensor>([[loss, ct]])
  const path = pathTo(targets, loss)
  const onPath = new Set(path)

  // Backwards: when a node's turn comes, everything that uses it has added its share.
  for (const node of path.toReversed()) {
    const cotangent = cotangents.get(node)
    if (!cotangent || !node.inputs.some((input) => onPath.has(input))) continue
    if (!node.op.vjp) {
      throw new GradientError(
        node,
        `${node.op.name} has no gradient rule`,
        'keep it off the way to the targets',
      )
    }
    const shares = node.op.vjp(cotangent, node.inputs, node, node.params)
    node.inputs.forEach((input, index) => {
      const share = shares[index]
      if (!share || !onPath.has(input)) return
      const gradient = share()
      if (!sameShape(gradient.shape, input.shape)) {
        throw new ShapeError(node.op.name, 'its gradient rule gives another shape than its input has', {
          operands: [`${describeSpec(gradient.spec)}  gradient of input ${index}`, describe(input)],
        })
      }
      const sofar = cotangents.get(input)
      cotangents.set(input, sofar ? add(sofar, gradient) : gradient)
    })
  }

  return targets.map((target) => {
    const gradient = cotangents.get(target)
    if (gradient) return gradient
    throw new GradientError(
      target,
      `the loss ${loss.label ?? loss.op.name} does not depend on a target`,
      'differentiate with respect to the very tensor that the loss was made from',
    )
  })
}

function startingCotangent(loss: Tensor, ct: Tensor | undefined): Tensor {
  if (!ct && loss.shape.length > 0) {
    throw new ShapeError('grad', 'the loss must be a scalar', {
      operands: [describe(loss)],
      fix: 'reduce it with sum or mean, or give a cotangent { ct } of its shape',
    })
  }
  if (ct && !sameShape(ct.shape, loss.shape)) {
    throw new ShapeError('grad', 'the cotangent must have the shape of the loss', {
      operands: [describe(loss), `${describeSpec(ct.spec)}  ct`],
    })
  }
  return ct ?? constant(f32(), [1])
}

/** The nodes that `loss` depends on and that depend on a target, both ends included, in a topological order. */
function pathTo(targets: readonly Tensor[], loss: Tensor): Tensor[] {
  const leadsToTarget = new Set<Tensor>(targets)
  return collect([loss]).filter((node) => {
    if (node.inputs.some((input) => leadsToTarget.has(input))) leadsToTarget.add(node)
    return leadsToTarget.has(node)
  })
}

const describe = (tensor: Tensor): string => `${describeSpec(tensor.spec)}  ${tensor.label ?? tensor.op.name}`
