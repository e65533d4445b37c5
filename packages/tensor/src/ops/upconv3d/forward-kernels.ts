import { elements, type Spec } from '../../graph/spec.ts'
import { type Kernel, linearGrid, MOST_WORKGROUPS, type Program, type Slot, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { fusedStage, ownInputs } from '../batchnorm/fusion.ts'
import { type GemmLayout, gemmProgram, productSize } from '../conv3d/gemm.ts'
import { gemmKernel } from '../conv3d/gemm-kernel.ts'
import { vectorsAtOnce } from '../conv3d/kernels.ts'
import { type MatrixLayout, matrixKernel, matrixProgram, ROUNDED_SUMS } from '../conv3d/matrix.ts'
import {
  hasLanes,
  parityGeometry,
  productCost,
  type UpsampledConv3dParams,
  upsampledGeometry,
} from './geometry.ts'

const forwardDirect = () => import('./forward.direct.wgsl')
const parityWeightsSource = () => import('./parity-weights.wgsl')
const forwardLanes = () => import('./forward.lanes.wgsl')

/** Eight outputs for each voxel, and eight sums of taps for each of them. */
const forwardCost = ([x, w]: readonly Spec[], _: Spec, params: UpsampledConv3dParams): number =>
  productCost(upsampledGeometry('upsampledConv3d', x!, w!, params), 64)

/**
 * Tile of the forward kernel in low-resolution positions, each with four sums, not wider than the plane. The values
 * were measured, see docs/measuring.md.
 */
function forwardTile(lanes: number, width: number, channels: number) {
  if (width <= 2) return { TILE_H: 2, TILE_W: 2, VECTORS: vectorsAtOnce(lanes, channels) }
  if (width <= 4) return { TILE_H: 4, TILE_W: 4, VECTORS: 1 }
  return { TILE_H: lanes <= 4 ? 2 : 4, TILE_W: 8, VECTORS: 1 }
}

/** Tiles of a result `[N,D,H,W,C]` of the forward kernel; all those of a sample are one dimension of the grid. */
function tilesOf(lanes: number, shape: readonly number[]) {
  const [, depth, height, width, channels] = shape as [number, number, number, number, number]
  const tile = forwardTile(lanes, width / 2, channels)
  const tilesH = Math.ceil(height / 2 / tile.TILE_H)
  const tilesW = Math.ceil(width / 2 / tile.TILE_W)
  return { tile, tilesH, tilesW, workgroups: tilesW * tilesH * depth }
}

const lanes: Kernel<UpsampledConv3dParams> = {
  name: 'lanes',
  fits: (device, _inputs, { shape }) =>
    hasLanes(device) && tilesOf(device.subgroupSize!, shape).workgroups <= MOST_WORKGROUPS,
  suits: (device) => device.software,
  program(inputs, y, params, device) {
    const [x, w, addend] = ownInputs(inputs, params)
    const { full, low } = upsampledGeometry('upsampledConv3d', x!, w!, params)
    const { outputChannels: channels } = full
    const fused = fusedStage(inputs, y, params, device)
    const LANES = device.subgroupSize!
    const { tile, tilesH, tilesW, workgroups } = tilesOf(LANES, y.shape)
    const replicate = params.mode === 'replicate' ? 1 : 0
    const stage: Stage = {
      source: forwardLanes,
      file: 'upconv3d/forward.lanes.wgsl',
      constants: { LANES, ...tile, ADDEND: addend ? 1 : 0, ...fused.normalized, ...fused.moments },
      // Without an addend the weights stand in for it: a binding must exist, its values are not used.
      bindings: ['input0', 'input1', addend ? 'input2' : 'input1', fused.scales, 'output', fused.partials],
      uniforms: {
        u32: [full.inputChannels, channels, ...low, tilesW, tilesH, replicate],
        f32: [fused.slope],
      },
      grid: [workgroups, Math.ceil(channels / (LANES * tile.VECTORS)), full.batch],
    }
    const shares = workgroups * full.batch
    return fused.program(stage, { rows: elements(y.shape) / channels, channels, shares })
  },
  cost: forwardCost,
}

/** Sums of the taps of `input1`, for products that are made parity by parity. */
function parityWeights(w: Spec, sums: Slot): Stage {
  const channels = w.shape[3]! * w.shape[4]!
  return {
    source: parityWeightsSource,
    file: 'upconv3d/parity-weights.wgsl',
    bindings: ['input1', sums],
    uniforms: { u32: [channels] },
    grid: linearGrid(64 * channels, 64),
  }
}

/** A product with the sums of taps in front of it; `product` gets the slot where they are, behind scratch of its own. */
function withParityWeights(w: Spec, product: (sums: Slot) => Program): Program {
  const { scratch = [] } = product('scratch0')
  const sums: Slot = `scratch${scratch.length}`
  return {
    scratch: [...scratch, (64 * elements(w.shape)) / 27],
    stages: [parityWeights(w, sums), ...product(sums).stages],
  }
}

/** A convolution of an upsampled volume as eight products, and what `gemmProgram` or `matrixProgram` has to be told. */
function parityProduct(
  inputs: readonly Spec[],
  output: Spec,
  params: UpsampledConv3dParams,
  device: Capabilities,
) {
  const [x, w, addend] = ownInputs(inputs, params)
  const g = parityGeometry(upsampledGeometry('upsampledConv3d', x!, w!, params))
  const fused = fusedStage(inputs, output, params, device)
  const options = { addend: addend && 'tensor', doubled: true, fused } as const
  const factors = (sums: Slot) => ({ ...options, factors: ['input0', sums] as const })
  return { g, size: productSize('forward', g, true), w: w!, factors }
}

const matrix: Kernel<UpsampledConv3dParams> = {
  ...matrixKernel<UpsampledConv3dParams>((inputs, output, params, device) => {
    const { g, size, w, factors } = parityProduct(inputs, output, params, device)
    const program = (layout: MatrixLayout) =>
      withParityWeights(w, (sums) => matrixProgram('forward', g, factors(sums), device, layout))
    return { g, size, program }
  }),
  tolerance: ROUNDED_SUMS,
  cost: forwardCost,
}

const gemm: Kernel<UpsampledConv3dParams> = {
  ...gemmKernel<UpsampledConv3dParams>((inputs, output, params, device) => {
    const { g, size, w, factors } = parityProduct(inputs, output, params, device)
    const program = (layout: GemmLayout) =>
      withParityWeights(w, (sums) => gemmProgram('forward', g, layout, device, factors(sums)))
    return { size, program }
  }),
  cost: forwardCost,
}

/** Those that can normalise what they load, and leave the moments of their result aside. */
export const fusingForwardKernels: readonly Kernel<UpsampledConv3dParams>[] = [matrix, lanes, gemm]

export const forwardKernels: readonly Kernel<UpsampledConv3dParams>[] = [
  ...fusingForwardKernels,
  {
    name: 'direct',
    program([x, w, addend], y, params) {
      const { full, low } = upsampledGeometry('upsampledConv3d', x!, w!, params)
      const replicate = params.mode === 'replicate' ? 1 : 0
      return {
        stages: [
          {
            source: forwardDirect,
            file: 'upconv3d/forward.direct.wgsl',
            constants: { ADDEND: addend ? 1 : 0 },
            bindings: ['input0', 'input1', addend ? 'input2' : 'input1', 'output'],
            uniforms: { u32: [full.batch, full.inputChannels, full.outputChannels, ...low, replicate] },
            grid: linearGrid(elements(y.shape), 64),
          },
        ],
      }
    },
    cost: forwardCost,
  },
]
