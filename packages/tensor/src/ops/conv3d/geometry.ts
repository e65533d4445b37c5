import { ShapeError } from '../../errors.ts'
import { type DType, elements, type Spec } from '../../graph/spec.ts'
import type { Fusible } from '../batchnorm/fusion.ts'

/** How a 3D convolution moves over its input. The same on all three axes. */
export interface Conv3dParams extends Fusible {
  /** Side of the cubic kernel. */
  readonly kernel: number
  readonly stride: number
  /** Voxels added on every side. */
  readonly padding: number
  /** What the added voxels hold: zero, or the nearest voxel of the input (a clamped index). */
  readonly mode: 'zero' | 'replicate'
  /** Element type of the result; that of the first input by default. Gradients of weights are always f32. */
  readonly result?: DType
}

/** A gradient op of the family also says what shape it makes: a stride loses that. */
export interface Conv3dGradientParams extends Conv3dParams {
  readonly shape: readonly number[]
}

/**
 * The sizes behind a convolution `y[n,o,co] = Σ_{k,ci} x[n, o·stride + k − padding, ci] · w[k, ci, co]`,
 * with `x [N,D,H,W,I]`, `w [K,K,K,I,O]`, `y [N,D',H',W',O]`.
 */
export interface Conv3dGeometry extends Conv3dParams {
  readonly batch: number
  /** Input D, H, W. */
  readonly input: readonly [number, number, number]
  /** Output D, H, W. */
  readonly output: readonly [number, number, number]
  readonly inputChannels: number
  readonly outputChannels: number
}

/** Size of an output axis. */
export function outputSize(size: number, { kernel, stride, padding }: Conv3dParams): number {
  return Math.floor((size + 2 * padding - kernel) / stride) + 1
}

/** Checks the operands of a convolution and gathers their sizes. */
export function geometry(op: string, x: Spec, w: Spec, params: Conv3dParams): Conv3dGeometry {
  if (x.shape.length !== 5) throw new ShapeError(op, 'the input must be [N, D, H, W, C]')
  if (w.shape.length !== 5) throw new ShapeError(op, 'the weight must be [K, K, K, in, out]')
  const [batch, depth, height, width, inputChannels] = x.shape as [number, number, number, number, number]
  const [k0, k1, k2, weightChannels, outputChannels] = w.shape as [number, number, number, number, number]
  const { kernel } = params
  if (k0 !== kernel || k1 !== kernel || k2 !== kernel) {
    throw new ShapeError(op, `the weight is ${k0}×${k1}×${k2}, the convolution is said to be ${kernel}³`)
  }
  if (weightChannels !== inputChannels) {
    throw new ShapeError(op, `input has ${inputChannels} channels, weight expects ${weightChannels}`)
  }
  const input = [depth, height, width] as const
  const output = input.map((size) => outputSize(size, params)) as [number, number, number]
  if (output.some((size) => size < 1)) {
    throw new ShapeError(op, `a ${kernel}³ kernel does not fit into ${input.join('×')} voxels`)
  }
  return { ...params, batch, input, output, inputChannels, outputChannels }
}

/** How the uniform block of a kernel that takes any convolution begins. */
export function shapeWords(g: Conv3dGeometry): number[] {
  const sizes = [g.batch, g.inputChannels, g.outputChannels, ...g.input, ...g.output]
  return [...sizes, g.kernel, g.stride, g.padding, g.mode === 'replicate' ? 1 : 0]
}

/** The index that a tap reads on one axis, or −1 for a zero. */
function tapIndex(position: number, size: number, mode: Conv3dParams['mode']): number {
  if (position >= 0 && position < size) return position
  return mode === 'zero' ? -1 : Math.min(Math.max(position, 0), size - 1)
}

/**
 * Visits every product of a convolution: the element of x, of w and of y that meet. The three references of the
 * family are this one loop nest with another line in its middle.
 */
export function visit(g: Conv3dGeometry, meet: (x: number, w: number, y: number) => void): void {
  const [depth, height, width] = g.input
  const [outDepth, outHeight, outWidth] = g.output
  const { kernel, stride, padding, mode, inputChannels, outputChannels } = g
  for (let n = 0; n < g.batch; n++) {
    for (let od = 0; od < outDepth; od++) {
      for (let oh = 0; oh < outHeight; oh++) {
        for (let ow = 0; ow < outWidth; ow++) {
          const yBase = (((n * outDepth + od) * outHeight + oh) * outWidth + ow) * outputChannels
          for (let tap = 0; tap < kernel ** 3; tap++) {
            const kd = Math.floor(tap / kernel ** 2)
            const kh = Math.floor(tap / kernel) % kernel
            const d = tapIndex(od * stride + kd - padding, depth, mode)
            const h = tapIndex(oh * stride + kh - padding, height, mode)
            const w = tapIndex(ow * stride + (tap % kernel) - padding, width, mode)
            if (d < 0 || h < 0 || w < 0) continue
            const xBase = (((n * depth + d) * height + h) * width + w) * inputChannels
            for (let ci = 0; ci < inputChannels; ci++) {
              const wBase = (tap * inputChannels + ci) * outputChannels
              for (let co = 0; co < outputChannels; co++) meet(xBase + ci, wBase + co, yBase + co)
            }
          }
        }
      }
    }
  }
}

/** Nominal operations of a member of the family: each multiply-add counts as two. */
export const convolutionCost = (g: Conv3dGeometry): number =>
  2 * g.batch * elements(g.output) * g.kernel ** 3 * g.inputChannels * g.outputChannels
