import { ShapeError } from '../../errors.ts'
import { type Spec, sameShape } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { type Kernel, linearGrid, type Op, type Program, type Slot, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { joinedMoments, type PartialSizes } from './kernels.ts'
import { momentsOp } from './op.ts'

const channelScalesSource = () => import('./channel-scales.wgsl')
/**
 * What a kernel does besides its op, so that batch norm needs no passes of its own. Only rewrites of a plan's graph ask
 * for it, after all gradients were taken: fused nodes have none.
 */
export interface Fusion {
  /**
   * The first input is normalised and activated wherever it is loaded: the activation's slope below zero. The last input
   * is that of `channelScales`.
   */
  readonly slope?: number
  /** The moments of the result, per channel, are left aside for a node of `momentsAsideOp`. */
  readonly moments?: true
}

/** Parameters of ops that can be fused. */
export interface Fusible {
  readonly fusion?: Fusion
}

/** `(moments [2, C], weight [C], bias [C]) → [3, C]`: the rows of channel-scales.wgsl. */
export const channelScalesOp: Op<{ readonly epsilon: number }> = {
  name: 'channelScales',
  infer([moments, weight, bias]) {
    const [channels] = weight!.shape as [number]
    if (!sameShape(moments!.shape, [2, channels]) || !sameShape(bias!.shape, [channels])) {
      throw new ShapeError('channelScales', 'moments [2, C], weight [C] and bias [C] must have the same C')
    }
    return { shape: [3, channels], dtype: 'f32' }
  },
  reference([moments, weight, bias], { epsilon }) {
    const channels = weight!.length
    const scales = weight!.map((value, c) => value / Math.sqrt(moments![channels + c]! + epsilon))
    return Float64Array.from([...moments!.subarray(0, channels), ...scales, ...bias!])
  },
  kernels: [
    {
      name: 'direct',
      program: (_, { shape }, { epsilon }) => ({
        stages: [
          {
            source: channelScalesSource,
            file: 'channel-scales.wgsl',
            bindings: ['input0', 'input1', 'input2', 'output'],
            uniforms: { u32: [shape[1]!], f32: [epsilon] },
            grid: linearGrid(shape[1]!, 64),
          },
        ],
      }),
    },
  ],
}

/** The moments `[2, C]` of a tensor `[…, C]`, which the fused node that makes the tensor leaves aside. */
export const momentsAsideOp: Op<null> = {
  name: 'momentsAside',
  infer: momentsOp.infer,
  reference: momentsOp.reference,
  aside: true,
  kernels: [],
}

/** The scales of a batch norm with these operands. */
export const channelScales = (moments: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor =>
  apply(channelScalesOp, [moments, weight, bias], { epsilon })

/**
 * An op that normalises its first input on load. `fusing` are the kernels that know how; where the op also leaves moments
 * aside, they know that too.
 */
export function fusible<P extends Fusible>(op: Op<P>, fusing: readonly Kernel<P>[]): Op<P> {
  return {
    ...op,
    normalizesOnLoad: true,
    infer(inputs, params) {
      const channels = inputs[0]?.shape.at(-1)
      if (params.fusion?.slope !== undefined && !sameShape(inputs.at(-1)!.shape, [3, channels!])) {
        throw new ShapeError(op.name, `the scales of a normalised input must be [3,${channels}]`)
      }
      return op.infer(ownInputs(inputs, params), params)
    },
    reference(operands, params, specs, output) {
      const own = ownInputs(operands, params)
      const { fusion } = params
      const normalized =
        fusion?.slope === undefined ? own : [normalize(operands, fusion.slope), ...own.slice(1)]
      return op.reference(normalized, params, ownInputs(specs, params), output)
    },
    kernels: op.kernels.map((kernel) =>
      fusing.includes(kernel)
        ? kernel
        : {
            ...kernel,
            fits: (device, inputs, output, params) =>
              !params.fusion && (kernel.fits?.(device, inputs, output, params) ?? true),
          },
    ),
  }
}

/** The inputs of an op without those of its fusion. */
export function ownInputs<T>(inputs: readonly T[], { fusion }: Fusible): readonly T[] {
  return fusion?.slope === undefined ? inputs : inputs.slice(0, -1)
}

function normalize(operands: readonly Float64Array[], slope: number): Float64Array {
  const scales = operands.at(-1)!
  const channels = scales.length / 3
  return operands[0]!.map((value, index) => {
    const c = index % channels
    const result = (value - scales[c]!) * scales[channels + c]! + scales[2 * channels + c]!
    return result > 0 ? result : slope * result
  })
}

/** A fusion as a kernel's text has to know it. */
export interface FusedStage {
  /** The scales. Without them some operand that is there stands in: a binding must exist, its values are not used. */
  readonly scales: Slot
  readonly slope: number
  readonly normalized: { readonly NORMALIZED: 0 | 1 }
  /** Where the partial moments `[shares, 3, C]` of the result go. */
  readonly partials: Slot
  readonly moments: { readonly MOMENTS: 0 | 1; readonly HALVES: 0 | 1 }
  /** The program of a stage that leaves partial moments where they are asked for. */
  program(stage: Stage, sizes: PartialSizes): Program
}

/** What a kernel does for the fusion of a node; by default nothing. */
export function fusedStage(
  inputs: readonly Spec[],
  output: Spec,
  { fusion }: Fusible,
  device: Capabilities,
): FusedStage {
  const isNormalized = fusion?.slope !== undefined
  const leavesMoments = fusion?.moments === true
  return {
    scales: isNormalized ? `input${inputs.length - 1}` : `input${Math.min(1, inputs.length - 1)}`,
    slope: fusion?.slope ?? 0,
    normalized: { NORMALIZED: isNormalized ? 1 : 0 },
    partials: leavesMoments ? 'scratch0' : 'unused',
    moments: { MOMENTS: leavesMoments ? 1 : 0, HALVES: leavesMoments && output.dtype === 'f16' ? 1 : 0 },
    program: (stage, sizes) =>
      leavesMoments ? joinedMoments(stage, sizes, 'aside', device) : { stages: [stage] },
  }
}
