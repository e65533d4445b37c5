import { elements, f32 } from '../../graph/spec.ts'
import { type Kernel, linearGrid, type Program, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { sharedSum } from '../reduce/program.ts'
import { isMostlyPadding } from './gemm.ts'
import {
  type Conv3dGeometry,
  type Conv3dGradientParams,
  type Conv3dParams,
  convolutionCost,
  geometry,
  shapeWords,
} from './geometry.ts'

const forwardSource = () => import('./forward.blocks.wgsl')
const inputSource = () => import('./input.blocks.wgsl')
const weightSource = () => import('./weight.blocks.wgsl')

/** Longest side of a block: sixteen sums and what meets in them fit into registers. */
const LONGEST = 4
/** Invocations that keep a software device's few cores busy in a gradient of the weights. */
const ENOUGH_INVOCATIONS = 1024

/** Columns of a block: not many more than there are. */
const tileOf = (columns: number): number => [1, 2].find((size) => columns <= size) ?? LONGEST
/** Channels of a block: they divide those of the tensor. */
const channelsOf = (channels: number): number => [LONGEST, 3, 2].find((size) => channels % size === 0) ?? 1

function forwardProgram(g: Conv3dGeometry, hasBias: boolean): Program {
  const [depth, height, width] = g.output
  const TILE = tileOf(width)
  const CHANNELS = channelsOf(g.outputChannels)
  const blocks = Math.ceil(width / TILE) * (g.outputChannels / CHANNELS)
  const stage: Stage = {
    source: forwardSource,
    file: 'forward.blocks.wgsl',
    constants: { TILE, CHANNELS, STRIDE: g.stride },
    // Without a bias the weights stand in for it: a binding must exist, its values are not used.
    bindings: ['input0', 'input1', hasBias ? 'input2' : 'input1', 'output'],
    uniforms: { u32: [...shapeWords(g), hasBias ? 1 : 0] },
    grid: linearGrid(g.batch * depth * height * blocks, 64),
  }
  return { stages: [stage] }
}

/**
 * Whether no two outputs read the same voxel of an axis through the same tap. With a replicated padding narrower than the
 * stride only the outermost outputs read clamped voxels: the same one where an axis has no other.
 */
const hasSingleReaders = ({ mode, padding, stride, input, output }: Conv3dGeometry): boolean =>
  mode === 'zero' || (padding < stride && input.every((size, axis) => size > 1 || output[axis] === 1))

function inputProgram(g: Conv3dGeometry): Program {
  const [depth, height, width] = g.input
  const TILE = tileOf(Math.ceil(width / g.stride))
  const CHANNELS = channelsOf(g.inputChannels)
  const blocks = g.stride * Math.ceil(width / (TILE * g.stride)) * (g.inputChannels / CHANNELS)
  const stage: Stage = {
    source: inputSource,
    file: 'input.blocks.wgsl',
    constants: { TILE, CHANNELS, STRIDE: g.stride },
    bindings: ['input0', 'input1', 'output'],
    uniforms: { u32: shapeWords(g) },
    grid: linearGrid(g.batch * depth * height * blocks, 64),
  }
  return { stages: [stage] }
}

function weightProgram(g: Conv3dGeometry, device: Capabilities): Program {
  const INPUTS = channelsOf(g.inputChannels)
  const OUTPUTS = channelsOf(g.outputChannels)
  const taps = g.kernel ** 3
  const blocks = taps * (g.inputChannels / INPUTS) * (g.outputChannels / OUTPUTS)
  const rows = g.batch * g.output[0] * g.output[1]
  const rowsPerShare = Math.ceil(rows / Math.min(rows, Math.ceil(ENOUGH_INVOCATIONS / blocks)))
  const shares = Math.ceil(rows / rowsPerShare)
  const partial: Stage = {
    source: weightSource,
    file: 'weight.blocks.wgsl',
    constants: { INPUTS, OUTPUTS, STRIDE: g.stride },
    bindings: ['input0', 'input1', shares > 1 ? 'scratch0' : 'output'],
    uniforms: { u32: [...shapeWords(g), rowsPerShare, shares] },
    grid: linearGrid(blocks * shares, 64),
  }
  return sharedSum(partial, shares, elements([taps, g.inputChannels, g.outputChannels]), device)
}

/** Measured on software renderers only, see docs/measuring.md. */
const suits = ({ software }: Capabilities): boolean => software

export const forwardBlocks: Kernel<Conv3dParams> = {
  name: 'blocks',
  // GPUs take it for the first layers of networks.
  suits: (device, [x]) => suits(device) || isMostlyPadding(x!.shape[4]!),
  program: ([x, w, bias], _, params) =>
    forwardProgram(geometry('conv3d', x!, w!, params), bias !== undefined),
  cost: ([x, w], _, params) => convolutionCost(geometry('conv3d', x!, w!, params)),
}

export const inputBlocks: Kernel<Conv3dGradientParams> = {
  name: 'blocks',
  fits: (_, [, w], dx, params) => hasSingleReaders(geometry('conv3dInput', dx, w!, params)),
  suits,
  program: ([, w], dx, params) => inputProgram(geometry('conv3dInput', dx, w!, params)),
  cost: ([, w], dx, params) => convolutionCost(geometry('conv3dInput', dx, w!, params)),
}

export const weightBlocks: Kernel<Conv3dGradientParams> = {
  name: 'blocks',
  suits,
  program: ([x], _, params, device) =>
    weightProgram(geometry('conv3dWeight', x!, f32(...params.shape), params), device),
  cost: ([x], _, params) => convolutionCost(geometry('conv3dWeight', x!, f32(...params.shape), params)),
}
