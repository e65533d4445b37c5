import { elements, type Spec } from '../../graph/spec.ts'
import { type Kernel, linearGrid, MOST_WORKGROUPS, type Program, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { type FusedStage, fusedStage, ownInputs } from '../batchnorm/fusion.ts'
import { sharedSum } from '../reduce/program.ts'
import { forwardBlocks, inputBlocks, weightBlocks } from './blocks.ts'
import { gemmProgram, isMostlyPadding, productSize } from './gemm.ts'
import { gemmKernel } from './gemm-kernel.ts'
import {
  type Conv3dGeometry,
  type Conv3dGradientParams,
  type Conv3dParams,
  convolutionCost,
  geometry,
  shapeWords,
} from './geometry.ts'
import { forwardHalo, inputHalo } from './halo.ts'
import { forwardMatrix, inputMatrix, weightMatrix } from './matrix.ts'

const forwardDirect = () => import('./forward.direct.wgsl')
const forwardLanes = () => import('./forward.lanes.wgsl')
const inputBorder = () => import('./input.border.wgsl')
const inputDirect = () => import('./input.direct.wgsl')
const weightDirect = () => import('./weight.direct.wgsl')
const weightLanes = () => import('./weight.lanes.wgsl')

const f32 = (shape: readonly number[]): Spec => ({ shape, dtype: 'f32' })

/** Kernels of the lanes family are written for one shape of convolution, and for subgroups of a known size. */
function lanesFit(device: Capabilities, { kernel, stride, padding }: Conv3dParams): boolean {
  return (
    device.subgroupSize !== null && device.subgroupSize >= 4 && kernel === 3 && stride === 1 && padding === 1
  )
}

/** Whether the tiles of a result `[N,D,H,W,C]` of the forward lanes kernel can be one dimension of a grid. */
function tilesFit(lanes: number, { shape }: Spec): boolean {
  const [, depth, height, width] = shape as [number, number, number, number]
  const { TILE_W, TILE_H } = lanesTile(lanes, width)
  return depth * Math.ceil(height / TILE_H) * Math.ceil(width / TILE_W) <= MOST_WORKGROUPS
}

/** Positions that a subgroup of the forward lanes kernel makes; the values were measured, see docs/measuring.md. */
function lanesTile(lanes: number, width: number): { TILE_W: number; TILE_H: number } {
  if (width <= 2) return { TILE_W: 2, TILE_H: 2 }
  if (width <= 4) return { TILE_W: 4, TILE_H: 4 }
  // Wider tiles only where they cover the plane as closely as those of 8.
  const wide = lanes > 4 && 2 * Math.ceil(width / 16) === Math.ceil(width / 8)
  return { TILE_W: wide ? 16 : 8, TILE_H: 4 }
}

/** Vectors of channels, one number for each lane, that a subgroup makes at once: two where they come in pairs. */
export const vectorsAtOnce = (lanes: number, channels: number): number =>
  Math.ceil(channels / lanes) % 2 === 0 ? 2 : 1

/** Tile of the weight-gradient lanes kernel; the values were measured, see docs/measuring.md. */
function weightTile(lanes: number, g: Conv3dGeometry): { TILE_W: number; CHANNELS: number; VECTORS: number } {
  const width = g.input[2]
  const VECTORS = vectorsAtOnce(lanes, g.outputChannels)
  const TILE_W = width <= 2 ? 2 : width <= 4 || VECTORS === 2 ? 4 : 8
  return { TILE_W, CHANNELS: Math.min(4, g.inputChannels), VECTORS }
}

interface LanesOperands {
  readonly batch: number
  /** D, H, W: the same for input and output. */
  readonly size: readonly [number, number, number]
  readonly inputChannels: number
  readonly outputChannels: number
  readonly replicate: boolean
  readonly hasBias: boolean
  /** For the forward pass. */
  readonly fused?: FusedStage
  /** For the gradient of the input: `separate` leaves the border voxels of a replicated padding to another stage. */
  readonly mirror?: { readonly border: 'none' | 'inside' | 'separate' }
}

function lanesStage(lanes: number, operands: LanesOperands): { stage: Stage; shares: number } {
  const { batch, inputChannels, outputChannels, replicate, hasBias, fused, mirror } = operands
  const [depth, height, width] = operands.size
  const tile = lanesTile(lanes, width)
  const tilesW = Math.ceil(width / tile.TILE_W)
  const tilesH = Math.ceil(height / tile.TILE_H)
  const flags = [replicate ? 1 : 0, hasBias ? 1 : 0]
  const border = mirror?.border === 'inside'
  // The taps of borders take registers, which narrow subgroups have least of.
  const VECTORS = border && lanes <= 4 ? 1 : vectorsAtOnce(lanes, outputChannels)
  // Without a bias or scales the weights stand in for them: a binding must exist, its values are not used.
  const { scales = 'input1', partials = 'unused', slope = 0 } = fused ?? {}
  const tiles = tilesW * tilesH * depth
  const stage: Stage = {
    source: forwardLanes,
    file: mirror ? 'forward.lanes.wgsl:mirror' : 'forward.lanes.wgsl',
    constants: {
      LANES: lanes,
      ...tile,
      VECTORS,
      MIRROR: mirror ? 1 : 0,
      BORDER: border ? 1 : 0,
      ...fused?.normalized,
      ...fused?.moments,
    },
    bindings: ['input0', 'input1', hasBias ? 'input2' : 'input1', scales, 'output', partials],
    uniforms: {
      u32: [inputChannels, outputChannels, depth, height, width, tilesW, tilesH, ...flags],
      f32: [slope],
    },
    grid: [tiles, Math.ceil(outputChannels / (lanes * VECTORS)), batch],
  }
  return { stage, shares: tiles * batch }
}

const forwardOfLanes: Kernel<Conv3dParams> = {
  name: 'lanes',
  fits: (device, _inputs, y, params) => lanesFit(device, params) && tilesFit(device.subgroupSize!, y),
  suits: (device) => device.software,
  program(inputs, y, params, device) {
    const [x, w, bias] = ownInputs(inputs, params)
    const g = geometry('conv3d', x!, w!, params)
    const fused = fusedStage(inputs, y, params, device)
    const replicate = g.mode === 'replicate'
    const operands = { ...g, size: g.input, replicate, hasBias: bias !== undefined, fused }
    const { stage, shares } = lanesStage(device.subgroupSize!, operands)
    return fused.program(stage, {
      rows: elements(y.shape) / g.outputChannels,
      channels: g.outputChannels,
      shares,
    })
  },
  cost: ([x, w], _, params) => convolutionCost(geometry('conv3d', x!, w!, params)),
}

const forwardGemm: Kernel<Conv3dParams> = {
  ...gemmKernel<Conv3dParams>((inputs, output, params, device) => {
    const [x, w, bias] = ownInputs(inputs, params)
    const g = geometry('conv3d', x!, w!, params)
    const options = { addend: bias && 'bias', fused: fusedStage(inputs, output, params, device) } as const
    return {
      size: productSize('forward', g),
      program: (layout) => gemmProgram('forward', g, layout, device, options),
    }
  }),
  suits: (device, [x]) => !device.software && !isMostlyPadding(x!.shape[4]!),
  cost: ([x, w], _, params) => convolutionCost(geometry('conv3d', x!, w!, params)),
}

/** Those that can normalise what they load, and leave the moments of their result aside. */
export const fusingForwardKernels: readonly Kernel<Conv3dParams>[] = [
  forwardHalo,
  forwardMatrix,
  forwardOfLanes,
  forwardGemm,
]

export const forwardKernels: readonly Kernel<Conv3dParams>[] = [
  ...fusingForwardKernels,
  forwardBlocks,
  {
    name: 'direct',
    program([x, w, bias], y, params) {
      const g = geometry('conv3d', x!, w!, params)
      return {
        stages: [
          {
            source: forwardDirect,
            file: 'forward.direct.wgsl',
            bindings: ['input0', 'input1', bias ? 'input2' : 'input1', 'output'],
            uniforms: { u32: [...shapeWords(g), bias ? 1 : 0] },
            grid: linearGrid(elements(y.shape), 64),
          },
        ],
      }
    },
    cost: ([x, w], _, params) => convolutionCost(geometry('conv3d', x!, w!, params)),
  },
]

/** Where the lanes kernel does the border of a replicated padding: in the same stage where its tiles divide the plane. */
function borderOf(lanes: number, g: Conv3dGeometry): 'none' | 'inside' | 'separate' {
  const [, height, width] = g.input
  const tile = lanesTile(lanes, width)
  if (g.mode === 'zero') return 'none'
  return width % tile.TILE_W === 0 && height % tile.TILE_H === 0 ? 'inside' : 'separate'
}

export const inputGradientKernels: readonly Kernel<Conv3dGradientParams>[] = [
  inputHalo,
  inputMatrix,
  {
    name: 'lanes',
    // A stage that adds to what another one wrote would round twice in half precision.
    fits: (device, [, w], dx, params) =>
      lanesFit(device, params) &&
      tilesFit(device.subgroupSize!, dx) &&
      (dx.dtype === 'f32' ||
        borderOf(device.subgroupSize!, geometry('conv3dInput', dx, w!, params)) !== 'separate'),
    suits: (device) => device.software,
    program([, w], dx, params, device): Program {
      const g = geometry('conv3dInput', dx, w!, params)
      const [depth, height, width] = g.input
      const lanes = device.subgroupSize!
      const border = borderOf(lanes, g)
      // The same convolution backwards: taps mirrored, channels exchanged, zeros beyond the border.
      const { stage: mirrored } = lanesStage(lanes, {
        batch: g.batch,
        size: g.input,
        inputChannels: g.outputChannels,
        outputChannels: g.inputChannels,
        replicate: false,
        hasBias: false,
        mirror: { border },
      })
      if (border !== 'separate') return { stages: [mirrored] }
      const borderStage: Stage = {
        source: inputBorder,
        file: 'input.border.wgsl',
        bindings: ['input0', 'input1', 'output'],
        uniforms: { u32: [g.inputChannels, g.outputChannels, depth, height, width, g.batch] },
        grid: linearGrid(elements(dx.shape), 64),
      }
      return { stages: [mirrored, borderStage] }
    },
    cost: ([, w], dx, params) => convolutionCost(geometry('conv3dInput', dx, w!, params)),
  },
  {
    ...gemmKernel<Conv3dGradientParams>(([, w], dx, params, device) => {
      const g = geometry('conv3dInput', dx, w!, params)
      return { size: productSize('input', g), program: (layout) => gemmProgram('input', g, layout, device) }
    }),
    cost: ([, w], dx, params) => convolutionCost(geometry('conv3dInput', dx, w!, params)),
  },
  inputBlocks,
  {
    name: 'direct',
    program([, w], dx, params) {
      const g = geometry('conv3dInput', dx, w!, params)
      return {
        stages: [
          {
            source: inputDirect,
            file: 'input.direct.wgsl',
            bindings: ['input0', 'input1', 'output'],
            uniforms: { u32: shapeWords(g) },
            grid: linearGrid(elements(dx.shape), 64),
          },
        ],
      }
    },
    cost: ([, w], dx, params) => convolutionCost(geometry('conv3dInput', dx, w!, params)),
  },
]

/** Workgroups that keep a software device's few cores busy. */
const ENOUGH_WORKGROUPS = 64

const weightOfLanes: Kernel<Conv3dGradientParams> = {
  name: 'lanes',
  fits: (device, _inputs, _output, params) => lanesFit(device, params),
  suits: (device) => device.software,
  program(inputs, dw, params, device): Program {
    const g = geometry('conv3dWeight', inputs[0]!, f32(params.shape), params)
    const { scales, slope, normalized } = fusedStage(inputs, dw, params, device)
    const lanes = device.subgroupSize!
    const tile = weightTile(lanes, g)
    const channelGroups = Math.ceil(g.inputChannels / tile.CHANNELS)
    const outputGroups = Math.ceil(g.outputChannels / (lanes * tile.VECTORS))
    const planes = g.batch * g.input[0]
    const wantedShares = Math.ceil(ENOUGH_WORKGROUPS / (3 * channelGroups * outputGroups))
    const planesPerShare = Math.ceil(planes / Math.min(planes, wantedShares))
    const shares = Math.ceil(planes / planesPerShare)
    const layout = [planes, planesPerShare, channelGroups, g.mode === 'replicate' ? 1 : 0]
    const partial: Stage = {
      source: weightLanes,
      file: 'weight.lanes.wgsl',
      constants: { LANES: lanes, ...tile, ...normalized },
      bindings: ['input0', 'input1', scales, shares > 1 ? 'scratch0' : 'output'],
      uniforms: { u32: [g.inputChannels, g.outputChannels, ...g.input, ...layout], f32: [slope] },
      grid: [3 * channelGroups, outputGroups, shares],
    }
    return sharedSum(partial, shares, elements(dw.shape), device)
  },
  cost: ([x], _, params) => convolutionCost(geometry('conv3dWeight', x!, f32(params.shape), params)),
}

const weightGemm: Kernel<Conv3dGradientParams> = {
  ...gemmKernel<Conv3dGradientParams>((inputs, output, params, device) => {
    const g = geometry('conv3dWeight', inputs[0]!, f32(params.shape), params)
    const fused = fusedStage(inputs, output, params, device)
    return {
      size: productSize('weight', g),
      program: (layout) => gemmProgram('weight', g, layout, device, { fused }),
    }
  }),
  cost: ([x], _, params) => convolutionCost(geometry('conv3dWeight', x!, f32(params.shape), params)),
}

/** Those that can normalise x as they load it. */
export const fusingWeightGradientKernels: readonly Kernel<Conv3dGradientParams>[] = [
  weightMatrix,
  weightOfLanes,
  weightGemm,
]

export const weightGradientKernels: readonly Kernel<Conv3dGradientParams>[] = [
  ...fusingWeightGradientKernels,
  weightBlocks,
  {
    name: 'direct',
    program([x], dw, params, device): Program {
      const g = geometry('conv3dWeight', x!, f32(params.shape), params)
      const weights = elements(dw.shape)
      const rows = g.batch * g.output[0] * g.output[1]
      const shares = Math.max(1, Math.min(rows, Math.ceil((ENOUGH_WORKGROUPS * 64) / weights)))
      const partial: Stage = {
        source: weightDirect,
        file: 'weight.direct.wgsl',
        bindings: ['input0', 'input1', shares > 1 ? 'scratch0' : 'output'],
        uniforms: { u32: [...shapeWords(g), shares] },
        grid: linearGrid(weights * shares, 64),
      }
      return sharedSum(partial, shares, weights, device)
    },
    cost: ([x], _, params) => convolutionCost(geometry('conv3dWeight', x!, f32(params.shape), params)),
  },
]
