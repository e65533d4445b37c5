import type { Spec } from '../../graph/spec.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { type Conv3dGeometry, type Conv3dParams, geometry, visit } from '../conv3d/geometry.ts'
import { forEachPair } from '../upsample/op.ts'

/** What lies beyond the border of the upsampled volume. All else is fixed: 3³ taps, stride 1, padding 1. */
export type UpsampledConv3dParams = Pick<Conv3dParams, 'mode' | 'fusion'>

/** The sizes of a convolution of an upsampled volume, and those of the volume before. */
export interface UpsampledGeometry {
  /** The convolution at full resolution. */
  readonly full: Conv3dGeometry
  /** D, H, W at low resolution. */
  readonly low: readonly [number, number, number]
  /** Low-resolution voxels of the whole batch. */
  readonly voxels: number
}

/** The sizes for a low-resolution input `x [N,D,H,W,I]` and a weight `w [3,3,3,I,O]`. Throws ShapeError. */
export function upsampledGeometry(
  op: string,
  x: Spec,
  w: Spec,
  { mode }: UpsampledConv3dParams,
): UpsampledGeometry {
  const full = geometry(op, upsampledSpec(x), w, { kernel: 3, stride: 1, padding: 1, mode })
  const low = full.input.map((size) => size / 2) as [number, number, number]
  return { full, low, voxels: full.batch * low[0] * low[1] * low[2] }
}

/** `[N,D,H,W,C]` with D, H and W doubled. */
export const upsampledSpec = ({ shape: [n, d, h, w, ...rest], dtype }: Spec): Spec => ({
  shape: [n!, d! * 2, h! * 2, w! * 2, ...rest],
  dtype,
})

/** `[N,D,H,W,C]` with D, H and W halved. */
export const downsampledSpec = ({ shape: [n, d, h, w, ...rest], dtype }: Spec): Spec => ({
  shape: [n!, d! / 2, h! / 2, w! / 2, ...rest],
  dtype,
})

/**
 * Visits every product of the convolution of the upsampled volume: the elements of the low-resolution x, of w and of y
 * that meet. This is the meaning of the family, written as such: upsample, then convolve.
 */
export function visitUpsampled(
  { full }: UpsampledGeometry,
  meet: (x: number, w: number, y: number) => void,
): void {
  const source: number[] = []
  const upsampled: Spec = { shape: [full.batch, ...full.input, full.inputChannels], dtype: 'f32' }
  forEachPair(upsampled, (large, small) => {
    source[large] = small
  })
  visit(full, (x, w, y) => meet(source[x]!, w, y))
}

/** The sizes as the matrix products of conv3d's gradients want them where x was upsampled. */
export const doubledGeometry = ({ full, low }: UpsampledGeometry): Conv3dGeometry => ({ ...full, input: low })

/** The sizes as the matrix product of conv3d wants them: the outputs of one parity, which meet 2³ voxels each. */
export const parityGeometry = ({ full, low }: UpsampledGeometry): Conv3dGeometry => ({
  ...full,
  kernel: 2,
  input: low,
  output: low,
})

/** Whether kernels of the lanes family run here: they are written for subgroups of a known size. */
export const hasLanes = (device: Capabilities): boolean =>
  device.subgroupSize !== null && device.subgroupSize >= 4

/**
 * Cost of an op of the family that does so many multiply-adds for each voxel of x, input and output channel. Each
 * counts as two operations.
 */
export const productCost = ({ full, voxels }: UpsampledGeometry, products: number): number =>
  2 * products * voxels * full.inputChannels * full.outputChannels
