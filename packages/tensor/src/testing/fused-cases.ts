import { elements, f32, type Spec } from '../graph/spec.ts'
import { apply, type Tensor } from '../graph/tensor.ts'
import type { Op } from '../op.ts'
import type { InputCase, OpCase, OpCases, Pick } from '../op-case.ts'
import { channelScalesOp, type Fusible, type Fusion, momentsAsideOp } from '../ops/batchnorm/fusion.ts'
import { concat } from '../ops/channels/op.ts'
import type { Conv3dParams } from '../ops/conv3d/geometry.ts'
import { conv3dOp, conv3dWeightOp } from '../ops/conv3d/op.ts'
import { maxPoolGradientOp, maxPoolOp } from '../ops/pool/op.ts'
import { reshape } from '../ops/reshape/op.ts'
import { upsampledConv3dOp, upsampledConv3dWeightOp } from '../ops/upconv3d/op.ts'

/** Sizes of what is fused. */
interface Sizes {
  readonly batch: number
  readonly size: readonly [number, number, number]
  readonly inputs: number
  readonly outputs: number
  readonly mode: Conv3dParams['mode']
}

/** An op on operands of which the first is normalised where it is loaded. */
interface Fused {
  readonly op: Op<never>
  readonly operands: readonly InputCase[]
  readonly params: object
  /** Whether the moments of its result can be had. */
  readonly sums: boolean
}

const same3 = { kernel: 3, stride: 1, padding: 1 } as const

/** Every op that can be fused, on operands of such sizes. Pooling and upsampling need even ones. */
function fusedOps({ batch, size, inputs, outputs, mode }: Sizes) {
  const [d, h, w] = size
  const x = { spec: f32(batch, d, h, w, inputs) }
  const y = { spec: f32(batch, d, h, w, outputs) }
  const weight = { spec: f32(3, 3, 3, inputs, outputs) }
  const large = { spec: f32(batch, 2 * d, 2 * h, 2 * w, outputs) }
  const pooled = { spec: f32(batch, d, h, w, inputs) }
  const even: InputCase = { spec: f32(batch, 2 * d, 2 * h, 2 * w, inputs), fill: 'apart' }
  const op = (value: unknown) => value as Op<never>
  return {
    conv3d: { op: op(conv3dOp), operands: [x, weight], params: { ...same3, mode }, sums: true },
    'conv3d with bias': {
      op: op(conv3dOp),
      operands: [x, weight, { spec: f32(outputs) }],
      params: { ...same3, mode },
      sums: true,
    },
    conv3dWeight: {
      op: op(conv3dWeightOp),
      operands: [x, y],
      params: { ...same3, mode, shape: weight.spec.shape },
      sums: false,
    },
    upsampledConv3d: {
      op: op(upsampledConv3dOp),
      operands: [x, weight, large],
      params: { mode },
      sums: true,
    },
    upsampledConv3dWeight: {
      op: op(upsampledConv3dWeightOp),
      operands: [x, large],
      params: { mode },
      sums: false,
    },
    maxPool: { op: op(maxPoolOp), operands: [even], params: {}, sums: false },
    maxPoolGradient: { op: op(maxPoolGradientOp), operands: [even, pooled], params: {}, sums: false },
  } satisfies Record<string, Fused>
}

/** What is asked of a fused node: its result, normalised on load or not, or the moments that it leaves aside. */
export type Wanted = 'normalized' | 'moments' | 'normalized moments'

/** A case of one of the ops of `fusedOps`, by its name there. */
export function fusedCase(name: keyof ReturnType<typeof fusedOps>, sizes: Sizes, wanted: Wanted): OpCase {
  const { op, operands, params } = fusedOps(sizes)[name]
  const perChannel: InputCase = { spec: f32(sizes.inputs), fill: 'positive' }
  const isNormalized = wanted !== 'moments'
  const leavesMoments = wanted !== 'normalized'
  const fusion: Fusion = { ...(isNormalized && { slope: 0.2 }), ...(leavesMoments && { moments: true }) }
  return {
    op,
    name: `${wanted}, ${name} x[${sizes.batch},${sizes.size},${sizes.inputs}]→${sizes.outputs} ${sizes.mode}`,
    inputs: isNormalized ? [...operands, perChannel, perChannel, perChannel] : operands,
    build(inputs) {
      const own = inputs.slice(0, operands.length)
      // Scales are put together from vectors, which stay f32 where the other operands are in half precision.
      const rows = inputs.slice(operands.length)
      const scales = rows.length > 0 ? [reshape(concat(rows), [3, sizes.inputs])] : []
      const node = apply(op as Op<Fusible>, [...own, ...scales], { ...params, fusion })
      return leavesMoments ? apply(momentsAsideOp, [node], null) : node
    },
    order: 0,
    tolerance: 2e-5,
  }
}

function fusionCases(sizes: Sizes): OpCase[] {
  const ops = fusedOps(sizes)
  return (Object.keys(ops) as (keyof typeof ops)[]).flatMap((name) =>
    (['normalized', 'moments', 'normalized moments'] as const)
      .filter((wanted) => wanted === 'normalized' || ops[name].sums)
      .map((wanted) => fusedCase(name, sizes, wanted)),
  )
}

/** So many positions that matrix products sum each result in one piece: only then do they leave moments. */
const manyPositions: Sizes = { batch: 1, size: [5, 17, 50], inputs: 3, outputs: 6, mode: 'zero' }

const channelScalesCase: OpCase = {
  op: channelScalesOp,
  name: '[2,70]',
  inputs: [f32(2, 70), f32(70), f32(70)].map((spec: Spec) => ({ spec, fill: 'positive' })),
  build: (inputs: readonly Tensor[]) => apply(channelScalesOp, inputs, { epsilon: 1e-5 }),
  order: 0,
}

/** Odd sizes, of which some are larger than a tile and none is a whole number of tiles. */
function randomSizes(pick: Pick): Sizes {
  const sizes = {
    batch: pick(1, 3),
    size: [pick(1, 5), pick(1, 6), pick(1, 11)] as const,
    inputs: pick(1, 13),
    outputs: pick(1, 18),
    mode: pick(0, 1) === 0 ? ('zero' as const) : ('replicate' as const),
  }
  // Moments of a single value are zero, and so is what they are compared with.
  return sizes.batch * elements(sizes.size) > 1 ? sizes : randomSizes(pick)
}

export const fusedCases: OpCases = {
  cases: [
    channelScalesCase,
    ...fusionCases({ batch: 2, size: [3, 5, 9], inputs: 5, outputs: 11, mode: 'replicate' }),
    ...fusionCases({ batch: 1, size: [2, 4, 8], inputs: 8, outputs: 16, mode: 'zero' }),
    fusedCase('conv3d', manyPositions, 'normalized moments'),
    fusedCase('upsampledConv3d', manyPositions, 'normalized moments'),
  ],
  fuzz(pick) {
    const cases = fusionCases(randomSizes(pick))
    return cases[pick(0, cases.length - 1)]!
  },
}
