import { ShapeError } from '../../errors.ts'
import { elements } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op } from '../../op.ts'
import { cast } from '../copy/op.ts'
import { mul } from '../pointwise/binary.ts'

const source = () => import('./channel-mask.wgsl')
interface ChannelMaskParams {
  readonly shape: readonly number[]
  /** Probability of a zero. */
  readonly rate: number
  /** Tells the masks of one step apart. */
  readonly stream: number
}

/** The same hash as in the kernel, in exact 32-bit arithmetic. */
function hash(value: number): number {
  const state = (Math.imul(value, 747796405) + 2891336453) >>> 0
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0
  return ((word >>> 22) ^ word) >>> 0
}

export const channelMaskOp: Op<ChannelMaskParams> = {
  name: 'channelMask',
  integers: [0],
  infer([seed], { shape, rate }) {
    if (seed!.dtype !== 'u32' || elements(seed!.shape) !== 1) {
      throw new ShapeError('channelMask', 'the seed must be one u32')
    }
    if (!(rate >= 0 && rate < 1)) throw new ShapeError('channelMask', `a rate of ${rate} is not in [0, 1)`)
    return { shape, dtype: 'f32' }
  },
  reference([seed], { shape, rate, stream }) {
    return Float64Array.from({ length: elements(shape) }, (_, index) => {
      const bits = hash((hash((hash(seed![0]!) ^ stream) >>> 0) ^ index) >>> 0)
      return (bits >>> 8) / 16777216 < Math.fround(rate) ? 0 : 1 / (1 - rate)
    })
  },
  vjp: () => [null],
  kernels: [
    {
      name: 'direct',
      program(_, y, { rate, stream }) {
        const count = elements(y.shape)
        return {
          stages: [
            {
              source,
              file: 'channel-mask.wgsl',
              bindings: ['input0', 'output'],
              uniforms: { u32: [count, stream], f32: [rate, 1 / (1 - rate)] },
              grid: linearGrid(count, 64),
            },
          ],
        }
      },
    },
  ],
}

/**
 * Dropout of whole channels of `x [N,D,H,W,C]` (PyTorch's Dropout3d). `seed` is a scalar input that changes with every
 * step; `stream` tells the dropouts of one step apart.
 */
export function channelDropout(x: Tensor, rate: number, seed: Tensor, stream: number): Tensor {
  if (rate === 0) return x
  const shape = [x.shape[0]!, 1, 1, 1, x.shape[4]!]
  return mul(x, cast(apply(channelMaskOp, [seed], { shape, rate, stream }), x.spec.dtype))
}
