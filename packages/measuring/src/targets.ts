import {
  BATCH_NORM_PARTS,
  batchNormCase,
  conv3dCase,
  inHalves,
  type OpCase,
  poolCases,
  uNetLayers,
  upsampledConv3dCase,
} from '@voxnorm/tensor/tuning'
import type { Shape, ShapeKey } from './shape.ts'

/** One op at one shape: what kernels are timed on. */
export interface KernelProblem {
  /** The target's name in rows. */
  readonly target: string
  /** The operands, for example `x[1,16,16,16,32] w[3,3,3,32,32]`. */
  readonly name: string
  readonly opCase: OpCase
  /** The same problem, as small as the float64 reference needs it to be done in a moment. */
  readonly checked: { readonly name: string; readonly opCase: OpCase }
}

/** A group of ops whose kernels can be timed. */
export interface KernelTarget {
  readonly name: string
  /** Keys of `--shape` that mean something here. */
  readonly keys: readonly ShapeKey[]
  /** What is timed without `--shape`; a software device needs less to be busy. */
  readonly shapes: { readonly software: string; readonly hardware: string }
  /** Sets of shapes that `--shape` takes by name. */
  readonly sets?: Readonly<Record<string, readonly Shape[]>>
  problems(shape: Shape): KernelProblem[]
}

const CONV_KEYS = ['batch', 'size', 'in', 'out', 'kernel', 'stride', 'padding', 'mode', 'type'] as const
const FIELD_KEYS = ['batch', 'size', 'channels', 'type'] as const

/** The convolutions of the paper's U-Net, at full width and for eight patches: enough to fill a large GPU. */
const UNET: readonly Shape[] = uNetLayers(32, 32, 8).map(({ inputs, outputs, ...layer }) => ({
  ...layer,
  in: inputs,
  out: outputs,
  channels: outputs,
  type: 'f32',
}))

/** The case with its tensors stored as the shape says. */
const stored = ({ type }: Shape, opCase: OpCase): OpCase => (type === 'f16' ? inHalves(opCase)! : opCase)

const convolution = (direction: 'forward' | 'input' | 'weight'): KernelTarget => ({
  name: `conv3d.${direction}`,
  keys: CONV_KEYS,
  shapes: { software: 'size=16,in=32,out=32', hardware: 'batch=8,size=32,in=32,out=32/64' },
  sets: { unet: UNET, 'unet-f16': UNET.map((shape) => ({ ...shape, type: 'f16' })) },
  problems(shape) {
    const op = { forward: 'conv3d', input: 'conv3dInput', weight: 'conv3dWeight' } as const
    const opCase = (at: Shape) =>
      stored(at, conv3dCase(op[direction], { ...at, inputs: at.in, outputs: at.out }))
    const products = (at: Shape) => at.batch * voxels(at) * at.kernel ** 3 * at.in * at.out
    return [convolutionProblem(`conv3d.${direction}`, shape, products, opCase)]
  },
})

/** A convolution at a shape, checked at one of fewer products. */
function convolutionProblem(
  target: string,
  shape: Shape,
  products: (shape: Shape) => number,
  opCase: (shape: Shape) => OpCase,
): KernelProblem {
  const small = reduced(shape, products, 2e7)
  return {
    target,
    name: convolutionName(shape),
    opCase: opCase(shape),
    checked: { name: convolutionName(small), opCase: opCase(small) },
  }
}

/** Convolutions of a volume that is upsampled first: `size` is the one before. */
const upsampledConvolution = (direction: 'forward' | 'input' | 'weight'): KernelTarget => ({
  name: `upconv3d.${direction}`,
  keys: ['batch', 'size', 'in', 'out', 'mode', 'type'],
  shapes: { software: 'size=8,in=32,out=32', hardware: 'batch=8,size=16,in=64/128,out=32/64' },
  problems(shape) {
    const op = {
      forward: 'upsampledConv3d',
      input: 'upsampledConv3dInput',
      weight: 'upsampledConv3dWeight',
    } as const
    const opCase = (at: Shape) =>
      stored(at, upsampledConv3dCase(op[direction], { ...at, inputs: at.in, outputs: at.out }))
    const products = (at: Shape) => 216 * at.batch * voxels(at) * at.in * at.out
    return [convolutionProblem(`upconv3d.${direction}`, shape, products, opCase)]
  },
})

const norm: KernelTarget = {
  name: 'norm',
  keys: FIELD_KEYS,
  shapes: { software: 'batch=4,size=16,channels=8', hardware: 'batch=8,size=32,channels=32' },
  problems(shape) {
    const small = reduced(shape, values, 5e5)
    return BATCH_NORM_PARTS.map((part) => {
      const opCase = (at: Shape) => stored(at, batchNormCase(part, at.batch * voxels(at), at.channels))
      const name = (at: Shape) => `${part} ${fieldName(at)}`
      return {
        target: 'norm',
        name: name(shape),
        opCase: opCase(shape),
        checked: { name: name(small), opCase: opCase(small) },
      }
    })
  },
}

const pool: KernelTarget = {
  name: 'pool',
  keys: FIELD_KEYS,
  shapes: { software: 'batch=4,size=16,channels=8', hardware: 'batch=8,size=32,channels=32' },
  problems(shape) {
    const small = reduced(shape, values, 5e5)
    const cases = (at: Shape) =>
      poolCases(at.batch, ...at.size, at.channels).map((opCase) => stored(at, opCase))
    const checked = cases(small)
    return cases(shape).map((opCase, index) => ({
      target: 'pool',
      name: `${opCase.op.name} ${fieldName(shape)}`,
      opCase,
      checked: { name: `${opCase.op.name} ${fieldName(small)}`, opCase: checked[index]! },
    }))
  },
}

/** Everything whose kernels can be timed. */
export const KERNEL_TARGETS: readonly KernelTarget[] = [
  convolution('forward'),
  convolution('input'),
  convolution('weight'),
  upsampledConvolution('forward'),
  upsampledConvolution('input'),
  upsampledConvolution('weight'),
  norm,
  pool,
]

const voxels = ({ size }: Shape): number => size[0] * size[1] * size[2]
const values = (shape: Shape): number => shape.batch * voxels(shape) * shape.channels
const fieldName = ({ batch, size, channels, type }: Shape): string =>
  `x[${[batch, ...size, channels]}]${type === 'f32' ? '' : ` ${type}`}`

function convolutionName(shape: Shape): string {
  const { batch, size, kernel, stride, padding, mode, type } = shape
  const unusual = [
    stride === 1 ? '' : ` stride ${stride}`,
    padding === (kernel - 1) >> 1 ? '' : ` padding ${padding}`,
    mode === 'replicate' ? '' : ` ${mode}`,
    type === 'f32' ? '' : ` ${type}`,
  ]
  return `x[${[batch, ...size, shape.in]}] w[${[kernel, kernel, kernel, shape.in, shape.out]}]${unusual.join('')}`
}

/**
 * A shape of at most so much work. Channels stay, and the width as long as can be: kernels choose their tiles by them,
 * and what is checked should be the text that is timed.
 */
function reduced(shape: Shape, work: (shape: Shape) => number, most: number): Shape {
  if (work(shape) <= most) return shape
  const { batch, size, kernel } = shape
  if (batch > 1) return reduced({ ...shape, batch: batch >> 1 }, work, most)
  const axis = size.findIndex((side) => side > Math.max(4, 2 * kernel))
  if (axis < 0) return shape
  const smaller = size.with(axis, Math.ceil(size[axis]! / 2)) as unknown as Shape['size']
  return reduced({ ...shape, size: smaller }, work, most)
}
