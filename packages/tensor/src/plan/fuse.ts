import { type GraphRewrite, rewrite } from '../graph/rewrite.ts'
import { collect, Tensor } from '../graph/tensor.ts'
import { channelScales, type Fusible, type Fusion, momentsAsideOp } from '../ops/batchnorm/fusion.ts'
import type { NormParams } from '../ops/batchnorm/kernels.ts'
import { batchNormOp, momentsOp } from '../ops/batchnorm/op.ts'
import { splitUpsampledConvolutions } from '../ops/upconv3d/split.ts'
import type { Capabilities } from '../runtime/capabilities.ts'

/**
 * A rewrite of a plan's graph for a device. It gets the tensors that the plan has to make. All gradients were taken before,
 * and equal nodes are merged.
 */
export interface PlanRewrite extends Pick<GraphRewrite, 'name'> {
  /** Whether it makes plans faster on a device; absent means always. Tests apply it even where it does not. */
  suits?(device: Capabilities): boolean
  apply(roots: readonly Tensor[], device: Capabilities): ReadonlyMap<Tensor, Tensor>
}

/**
 * Batch norm and the activation behind it are done by whoever reads their result, as it is loaded: the normalised tensor
 * never exists. Only where every reader has a kernel for that; one that has not would need the tensor after all.
 */
export const normalizeOnLoad: PlanRewrite = {
  name: 'normalize on load',
  // Software renderers load a value many times where a GPU has it in workgroup memory, and are slower with it: measured.
  suits: ({ software }) => !software,
  apply(roots, device) {
    const readers = readersOf(roots)
    const wanted = new Set(roots)
    /** What each absorbed norm has been rewritten to. Nobody reads it any more. */
    const absorbed = new Set<Tensor>()
    return rewrite(roots, (tensor, original) => {
      const norm = tensor.inputs[0]
      if (norm && absorbed.has(norm)) return onLoad(tensor, norm)
      if (original.op !== batchNormOp || wanted.has(original)) return undefined
      const all = readers.get(original) ?? []
      const canAll = all.every(
        (reader) => isLoadedBy(reader, original) && hasFastKernel(onLoad(reader, tensor), device),
      )
      if (canAll) absorbed.add(tensor)
      return undefined
    })
  },
}

/** The moments that batch norm needs are taken from a convolution's results while they are still in registers. */
export const momentsInEpilogue: PlanRewrite = {
  name: 'moments in the epilogue',
  apply(roots, device) {
    const readers = readersOf(roots)
    return rewrite(roots, (tensor, original) => {
      if (original.op.leavesMoments && readers.get(original)?.some(({ op }) => op === momentsOp)) {
        const fused = fusedNode(tensor, tensor.inputs, { moments: true })
        return hasFastKernel(fused, device) ? fused : undefined
      }
      const leaves = (tensor.inputs[0]?.params as Fusible | null | undefined)?.fusion?.moments
      if (tensor.op !== momentsOp || !leaves) return undefined
      return new Tensor(momentsAsideOp, tensor.inputs, null, tensor.spec, tensor.label)
    })
  },
}

/** All there are, in the order in which they are applied. */
export const PLAN_REWRITES: readonly PlanRewrite[] = [
  splitUpsampledConvolutions,
  normalizeOnLoad,
  momentsInEpilogue,
]

/** What `compile` does to every graph for a device. */
export const rewritesFor = (device: Capabilities): readonly PlanRewrite[] =>
  PLAN_REWRITES.filter(({ suits }) => suits?.(device) ?? true)

function readersOf(roots: readonly Tensor[]): ReadonlyMap<Tensor, readonly Tensor[]> {
  const readers = new Map<Tensor, Tensor[]>()
  for (const tensor of collect(roots)) {
    for (const input of new Set(tensor.inputs)) readers.set(input, [...(readers.get(input) ?? []), tensor])
  }
  return readers
}

/** The reader of a norm's result, reading what is normalised instead. */
function onLoad(reader: Tensor, norm: Tensor): Tensor {
  const [x, moments, weight, bias] = norm.inputs as [Tensor, Tensor, Tensor, Tensor]
  const { epsilon, slope } = norm.params as NormParams
  const scales = channelScales(moments, weight, bias, epsilon)
  return fusedNode(reader, [x, ...reader.inputs.slice(1), scales], { slope })
}

function fusedNode({ op, params, spec, label }: Tensor, inputs: readonly Tensor[], more: Fusion): Tensor {
  const { fusion, ...own } = params as Fusible
  return new Tensor(op, inputs, { ...own, fusion: { ...fusion, ...more } }, spec, label)
}

/** Whether a tensor is what a reader loads, and nothing else that it reads. */
const isLoadedBy = (reader: Tensor, tensor: Tensor): boolean =>
  reader.op.normalizesOnLoad === true &&
  reader.inputs.indexOf(tensor) === 0 &&
  reader.inputs.lastIndexOf(tensor) === 0

/** Whether a device has a kernel that is a fast way to a node. */
const hasFastKernel = ({ op, inputs, spec, params }: Tensor, device: Capabilities): boolean => {
  const specs = inputs.map((tensor) => tensor.spec)
  return op.kernels.some(
    ({ fits, suits }) =>
      (fits?.(device, specs, spec, params) ?? true) && (suits?.(device, specs, spec, params) ?? true),
  )
}
