import { ShapeError } from '../../errors.ts'
import { elements, type Spec } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op, type Program, packing } from '../../op.ts'

const source = () => import('./upsample.wgsl')
/** Calls back for every voxel and channel of the larger tensor with the index it has in the smaller one. */
export function forEachPair(large: Spec, visit: (large: number, small: number) => void): void {
  const [batch, depth, height, width, channels] = large.shape as [number, number, number, number, number]
  let at = 0
  for (let n = 0; n < batch; n++) {
    for (let d = 0; d < depth; d++) {
      for (let h = 0; h < height; h++) {
        for (let w = 0; w < width; w++) {
          const row = ((n * (depth >> 1) + (d >> 1)) * (height >> 1) + (h >> 1)) * (width >> 1)
          for (let c = 0; c < channels; c++) visit(at++, (row + (w >> 1)) * channels + c)
        }
      }
    }
  }
}

function resized(op: string, { shape, dtype }: Spec, resize: (size: number) => number): Spec {
  if (shape.length !== 5) throw new ShapeError(op, 'the input must be [N, D, H, W, C]')
  const [n, d, h, w, c] = shape as [number, number, number, number, number]
  if ([d, h, w].some((size) => !Number.isInteger(resize(size)))) {
    throw new ShapeError(op, `${d}×${h}×${w} voxels are not even on every axis`)
  }
  return { shape: [n, resize(d), resize(h), resize(w), c], dtype }
}

function program(small: Spec, adjoint: boolean): Program {
  const [batch, depth, height, width, channels] = small.shape as [number, number, number, number, number]
  const rows = batch * depth * height
  const { numbers, constants } = packing(channels)
  return {
    stages: [
      {
        source,
        file: adjoint ? 'upsample.wgsl:adjoint' : 'upsample.wgsl',
        constants: { ...constants, ADJOINT: adjoint ? 1 : 0 },
        bindings: ['input0', 'output'],
        uniforms: { u32: [rows, height, width, channels / numbers] },
        grid: linearGrid((rows * channels) / numbers, 64),
      },
    ],
  }
}

export const upsampleOp: Op<null> = {
  name: 'upsample',
  infer: ([x]) => resized('upsample', x!, (size) => size * 2),
  reference([x], _, _specs, output) {
    const y = new Float64Array(elements(output.shape))
    forEachPair(output, (large, small) => {
      y[large] = x![small]!
    })
    return y
  },
  vjp: (ct) => [() => sumPool(ct)],
  kernels: [{ name: 'rows', program: ([x]) => program(x!, false) }],
}

/** The adjoint of upsampling: each voxel is the sum of 2×2×2. */
export const sumPoolOp: Op<null> = {
  name: 'sumPool',
  infer: ([x]) => resized('sumPool', x!, (size) => size / 2),
  reference([x], _, [spec], output) {
    const y = new Float64Array(elements(output.shape))
    forEachPair(spec!, (large, small) => {
      y[small]! += x![large]!
    })
    return y
  },
  vjp: (ct) => [() => upsample(ct)],
  kernels: [{ name: 'rows', program: (_, y) => program(y, true) }],
}

/** Sums of 2×2×2 voxels of `x [N,D,H,W,C]`: half of them on each axis. */
export const sumPool = (x: Tensor): Tensor => apply(sumPoolOp, [x], null)

/** Nearest-neighbour upsampling by 2 on D, H and W of `x [N,D,H,W,C]`. */
export const upsample = (x: Tensor): Tensor => apply(upsampleOp, [x], null)
