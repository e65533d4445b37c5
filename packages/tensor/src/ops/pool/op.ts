import { ShapeError } from '../../errors.ts'
import { elements, type Spec } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { type Kernel, linearGrid, type Op, type Program, packing } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { type Fusible, fusedStage, fusible } from '../batchnorm/fusion.ts'

const source = () => import('./max-pool.wgsl')
const windowsSource = () => import('./max-pool.windows.wgsl')
function pooledShape({ shape }: Spec): number[] {
  if (shape.length !== 5) throw new ShapeError('maxPool', 'the input must be [N, D, H, W, C]')
  const [n, d, h, w, c] = shape as [number, number, number, number, number]
  if (Math.min(d, h, w) < 2)
    throw new ShapeError('maxPool', `${d}×${h}×${w} voxels are too few for 2×2×2 windows`)
  return [n, d >> 1, h >> 1, w >> 1, c]
}

/**
 * Calls back for every window: the output's index and the index of the first largest voxel. A NaN counts as larger than
 * every number, as in PyTorch: a maximum must not hide it.
 */
function forEachWindow(x: Float64Array, spec: Spec, visit: (output: number, largest: number) => void): void {
  const [, depth, height, width, channels] = spec.shape as [number, number, number, number, number]
  const [batch, halfDepth, halfHeight, halfWidth] = pooledShape(spec) as [number, number, number, number]
  let output = 0
  for (let n = 0; n < batch; n++) {
    for (let d = 0; d < halfDepth; d++) {
      for (let h = 0; h < halfHeight; h++) {
        for (let w = 0; w < halfWidth; w++) {
          for (let c = 0; c < channels; c++) {
            let largest = -1
            for (let k = 0; k < 8; k++) {
              const row = ((n * depth + 2 * d + (k >> 2)) * height + 2 * h + ((k >> 1) & 1)) * width
              const at = (row + 2 * w + (k & 1)) * channels + c
              const isNan = largest >= 0 && Number.isNaN(x[at]) && !Number.isNaN(x[largest])
              if (largest < 0 || x[at]! > x[largest]! || isNan) largest = at
            }
            visit(output++, largest)
          }
        }
      }
    }
  }
}

function program(x: Spec, count: number, gradient: boolean): Program {
  return {
    stages: [
      {
        source,
        file: gradient ? 'max-pool.wgsl:gradient' : 'max-pool.wgsl',
        constants: { GRADIENT: gradient ? 1 : 0 },
        bindings: ['input0', gradient ? 'input1' : 'input0', 'output'],
        uniforms: { u32: [count, ...x.shape.slice(1)] },
        grid: linearGrid(count, 64),
      },
    ],
  }
}

/** Windows cover the whole input where all its sides are even. */
const isCovered = ({ shape }: Spec): boolean => shape.slice(1, 4).every((size) => size % 2 === 0)

function windowsProgram(
  inputs: readonly Spec[],
  output: Spec,
  params: Fusible,
  device: Capabilities,
  gradient: boolean,
): Program {
  const x = inputs[0]!
  const { scales, slope, normalized } = fusedStage(inputs, output, params, device)
  const [batch, depth, height, width, channels] = pooledShape(x) as [number, number, number, number, number]
  const rows = batch * depth * height
  const { numbers, constants, bits } = packing(channels)
  return {
    stages: [
      {
        source: windowsSource,
        file: gradient ? 'max-pool.windows.wgsl:gradient' : 'max-pool.windows.wgsl',
        constants: { ...constants, ...bits, ...normalized, GRADIENT: gradient ? 1 : 0 },
        bindings: ['input0', gradient ? 'input1' : 'input0', scales, 'output'],
        uniforms: { u32: [rows, height, width, channels / numbers], f32: [slope] },
        grid: linearGrid((rows * channels) / numbers, 64),
      },
    ],
  }
}

const windows: Kernel<Fusible> = {
  name: 'windows',
  fits: (_, [x]) => isCovered(x!),
  program: (inputs, output, params, device) => windowsProgram(inputs, output, params, device, false),
}

const windowsGradient: Kernel<Fusible> = {
  ...windows,
  program: (inputs, output, params, device) => windowsProgram(inputs, output, params, device, true),
}

const pooling: Op<Fusible> = {
  name: 'maxPool',
  infer: ([x]) => ({ shape: pooledShape(x!), dtype: x!.dtype }),
  reference([x], _, [spec], output) {
    const y = new Float64Array(elements(output.shape))
    forEachWindow(x!, spec!, (at, largest) => {
      y[at] = x![largest]!
    })
    return y
  },
  vjp: (ct, [x]) => [() => apply(maxPoolGradientOp, [x!, ct], {})],
  kernels: [windows, { name: 'direct', program: ([x], y) => program(x!, elements(y.shape), false) }],
}
export const maxPoolOp = fusible(pooling, [windows])

const poolingGradient: Op<Fusible> = {
  name: 'maxPoolGradient',
  infer: ([x]) => x!,
  reference([x, dy], _, [spec]) {
    const dx = new Float64Array(x!.length)
    forEachWindow(x!, spec!, (at, largest) => {
      dx[largest]! += dy![at]!
    })
    return dx
  },
  kernels: [windowsGradient, { name: 'direct', program: ([x]) => program(x!, elements(x!.shape), true) }],
}
/** `(x, dy) → dx`; the chain of derivatives ends here. */
export const maxPoolGradientOp = fusible(poolingGradient, [windowsGradient])

/** Maximum over 2×2×2 windows with stride 2 of `x [N,D,H,W,C]`; an odd last voxel is left out. */
export const maxPool = (x: Tensor): Tensor => apply(maxPoolOp, [x], {})
