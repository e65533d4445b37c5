import { elements, type Spec } from '../../graph/spec.ts'
import { type Kernel, linearGrid, MOST_WORKGROUPS } from '../../op.ts'
import { gemmLayout, gemmProgram, productSize } from '../conv3d/gemm.ts'
import forwardDirect from './forward.direct.wgsl'
import forwardLanes from './forward.lanes.wgsl'
import {
  doubledGeometry,
  hasLanes,
  productCost,
  type UpsampledConv3dParams,
  upsampledGeometry,
} from './geometry.ts'

/** Eight outputs for each voxel, and eight sums of taps for each of them. */
const forwardCost = ([x, w]: readonly Spec[], _: Spec, params: UpsampledConv3dParams): number =>
  productCost(upsampledGeometry('upsampledConv3d', x!, w!, params), 64)

/**
 * Tile of the forward kernel in low-resolution positions, each with four sums, not wider than the plane. The values
 * were measured, see docs/measuring.md.
 */
function forwardTile(lanes: number, width: number, channels: number) {
  const widest = lanes <= 4 ? 4 : 8
  const TILE_W = [2, 4].find((size) => width <= size && size < widest) ?? widest
  const TILE_H = TILE_W === 2 ? 2 : 4
  const mostVectors = lanes <= 4 || TILE_W === 2 ? 2 : 1
  return { TILE_H, TILE_W, VECTORS: Math.min(mostVectors, Math.ceil(channels / lanes)) }
}

/** Tiles of a result `[N,D,H,W,C]` of the forward kernel; all those of a sample are one dimension of the grid. */
function tilesOf(lanes: number, shape: readonly number[]) {
  const [, depth, height, width, channels] = shape as [number, number, number, number, number]
  const tile = forwardTile(lanes, width / 2, channels)
  const tilesH = Math.ceil(height / 2 / tile.TILE_H)
  const tilesW = Math.ceil(width / 2 / tile.TILE_W)
  return { tile, tilesH, tilesW, workgroups: tilesW * tilesH * depth }
}

export const forwardKernels: readonly Kernel<UpsampledConv3dParams>[] = [
  {
    name: 'lanes',
    fits: (device, _inputs, { shape }) =>
      hasLanes(device) && tilesOf(device.subgroupSize!, shape).workgroups <= MOST_WORKGROUPS,
    suits: (device) => device.software,
    program([x, w, addend], y, params, device) {
      const { full, low } = upsampledGeometry('upsampledConv3d', x!, w!, params)
      const lanes = device.subgroupSize!
      const { tile, tilesH, tilesW, workgroups } = tilesOf(lanes, y.shape)
      const replicate = params.mode === 'replicate' ? 1 : 0
      return {
        stages: [
          {
            source: forwardLanes,
            file: 'upconv3d/forward.lanes.wgsl',
            constants: { LANES: lanes, ...tile, ADDEND: addend ? 1 : 0 },
            // Without an addend the weights stand in for it: a binding must exist, its values are not used.
            bindings: ['input0', 'input1', addend ? 'input2' : 'input1', 'output'],
            uniforms: { u32: [full.inputChannels, full.outputChannels, ...low, tilesW, tilesH, replicate] },
            grid: [workgroups, Math.ceil(full.outputChannels / (lanes * tile.VECTORS)), full.batch],
          },
        ],
      }
    },
    cost: forwardCost,
  },
  {
    // At full resolution, 27 products for each output, but x stays small in memory.
    name: 'gemm',
    suits: (device) => !device.software,
    program([x, w, addend], _, params, device) {
      const g = doubledGeometry(upsampledGeometry('upsampledConv3d', x!, w!, params))
      const layout = gemmLayout(productSize('forward', g), device)
      return gemmProgram('forward', g, layout, device, { addend: addend && 'tensor', doubled: true })
    },
    cost: forwardCost,
  },
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
