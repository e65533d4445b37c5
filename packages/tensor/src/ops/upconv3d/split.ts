import { type GraphRewrite, rewrite } from '../../graph/rewrite.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { concat, concatOp, sliceChannels } from '../channels/op.ts'
import type { Conv3dParams } from '../conv3d/geometry.ts'
import { conv3d, conv3dOp } from '../conv3d/op.ts'
import { reshape } from '../reshape/op.ts'
import { upsampleOp } from '../upsample/op.ts'
import { upsampledConv3d } from './op.ts'

/** What tensors have become. It stays the same tensor, so that a gradient of a gradient finds the targets of the first. */
const forms = new WeakMap<Tensor, Tensor>()

/**
 * `conv3d(concat([skip, upsample(low)]), w, bias)` becomes `upsampledConv3d(low, w₂, conv3d(skip, w₁, bias))`, where w₁ and
 * w₂ are w's parts for the channels of skip and of low. That is 8 in place of 27 multiply-adds for the part that was
 * upsampled, and the joined tensor never exists; where somebody asks for that, the convolution stays as it is. `grad` does
 * this before it differentiates, since the gradients of the new nodes are the cheap ones too, and `compile` to every graph.
 */
export const splitUpsampledConvolutions: GraphRewrite = {
  name: 'split upsampled convolutions',
  apply(roots) {
    const asked = new Set(roots)
    // Behind a convolution that stays for these roots, other roots would get other forms.
    let isForAll = true
    return rewrite(roots, (tensor, original) => {
      const joined = joinedInput(original)
      const stays =
        joined !== undefined && [joined, joined.inputs.at(-1)!].some((asking) => asked.has(asking))
      if (stays) isForAll = false
      if (!isForAll) return joined && !stays ? split(tensor) : tensor
      const form = forms.get(original) ?? (joined ? split(tensor) : tensor)
      if (form !== original) forms.set(original, form)
      return form
    })
  },
}

/** What a convolution reads that can be split, else undefined. */
function joinedInput({ op, inputs, params, spec }: Tensor): Tensor | undefined {
  if (op !== conv3dOp) return undefined
  const joined = inputs[0]!
  const { kernel, stride, padding } = params as Conv3dParams
  if (joined.op !== concatOp || joined.inputs.length < 2 || joined.inputs.at(-1)!.op !== upsampleOp) {
    return undefined
  }
  if (kernel !== 3 || stride !== 1 || padding !== 1) return undefined
  // The two parts have the type of what they read.
  return spec.dtype === joined.spec.dtype ? joined : undefined
}

function split({ inputs, params, label }: Tensor): Tensor {
  const [joined, weight, bias] = inputs as [Tensor, Tensor, Tensor?]
  const { stride, padding, mode } = params as Conv3dParams
  const others = joined.inputs.slice(0, -1)
  const skip = others.length === 1 ? others[0]! : concat(others)
  const low = joined.inputs.at(-1)!.inputs[0]!
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
