import { rewrite } from '../../graph/rewrite.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { concat, concatOp, sliceChannels } from '../channels/op.ts'
import type { Conv3dParams } from '../conv3d/geometry.ts'
import { conv3d, conv3dOp } from '../conv3d/op.ts'
import { reshape } from '../reshape/op.ts'
import { upsampleOp } from '../upsample/op.ts'
import { upsampledConv3d } from './op.ts'

/**
 * Rewrites the graphs behind some tensors: `conv3d(concat([skip, upsample(low)]), w, bias)` becomes
 * `upsampledConv3d(low, w₂, conv3d(skip, w₁, bias))`, where w₁ and w₂ are w's parts for the channels of skip and of low.
 * The values are the same but for rounding, with 8 in place of 27 multiply-adds for the part that was upsampled, and
 * the joined tensor never exists. Returns what each tensor has become; a graph without the pattern stays the same
 * nodes.
 *
 * Call it before gradients are taken: those of the new nodes are the cheap ones, too.
 */
export function splitUpsampledConvolutions(roots: readonly Tensor[]): (tensor: Tensor) => Tensor {
  const rewritten = rewrite(roots, split)
  return (tensor) => rewritten.get(tensor) ?? tensor
}

function split({ op, inputs, params, spec, label }: Tensor): Tensor | undefined {
  if (op !== conv3dOp) return undefined
  const [joined, weight, bias] = inputs as [Tensor, Tensor, Tensor?]
  const { kernel, stride, padding, mode } = params as Conv3dParams
  const upsampled = joined.inputs.at(-1)
  if (joined.op !== concatOp || joined.inputs.length < 2 || upsampled?.op !== upsampleOp) return undefined
  if (kernel !== 3 || stride !== 1 || padding !== 1) return undefined
  // The two parts have the type of what they read.
  if (spec.dtype !== joined.spec.dtype) return undefined

  const others = joined.inputs.slice(0, -1)
  const skip = others.length === 1 ? others[0]! : concat(others)
  const low = upsampled.inputs[0]!
  const skipChannels = skip.shape[4]!
  const ofSkip = conv3d(
    skip,
    inputChannels(weight, 0, skipChannels),
    bias ?? null,
    { stride, padding, mode },
    label,
  )
  return upsampledConv3d(low, inputChannels(weight, skipChannels, low.shape[4]!), ofSkip, { mode }, label)
}

/** A part of a weight `[3,3,3,I,O]`: rows of its last two axes, as columns of the two put together. */
function inputChannels(weight: Tensor, from: number, count: number): Tensor {
  const [, , , inputs, outputs] = weight.shape as [number, number, number, number, number]
  const rows = sliceChannels(reshape(weight, [27, inputs * outputs]), from * outputs, count * outputs)
  return reshape(rows, [3, 3, 3, count, outputs])
}
