import { elements, type Spec } from '../../graph/spec.ts'
import { type Kernel, linearGrid, type Program, packing, type Slot, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { fusedStage } from '../batchnorm/fusion.ts'
import { type GemmLayout, gemmProgram, productSize } from '../conv3d/gemm.ts'
import { gemmKernel } from '../conv3d/gemm-kernel.ts'
import { type MatrixLayout, matrixKernel, matrixProgram, ROUNDED_SUMS } from '../conv3d/matrix.ts'
import { joinShares } from '../reduce/program.ts'
import {
  doubledGeometry,
  hasLanes,
  productCost,
  type UpsampledConv3dParams,
  type UpsampledGeometry,
  upsampledGeometry,
} from './geometry.ts'

const inputDirect = () => import('./input.direct.wgsl')
const inputLanes = () => import('./input.lanes.wgsl')
const tapSums = () => import('./tap-sums.wgsl')
const weightDirect = () => import('./weight.direct.wgsl')
const weightLanes = () => import('./weight.lanes.wgsl')

// Both gradients begin with the same stage: for every voxel of x and every tap, the sum of dy over the outputs whose tap
// falls on the voxel. What borders and paddings there are is settled by it. Then each gradient is one product with 27
// multiply-adds for each voxel, input and output channel; at full resolution there were 216.

/** Sums that are held at a time, in words: a large volume is done in pieces. */
const MOST_TAP_SUMS = 2 ** 23

/** A range of the voxels of x. */
interface Piece {
  readonly firstVoxel: number
  readonly voxels: number
}

function piecesOf({ full, voxels }: UpsampledGeometry): { pieces: Piece[]; words: number } {
  const most = Math.min(voxels, Math.max(1, Math.floor(MOST_TAP_SUMS / (27 * full.outputChannels))))
  const pieces = Array.from({ length: Math.ceil(voxels / most) }, (_, index) => ({
    firstVoxel: index * most,
    voxels: Math.min(most, voxels - index * most),
  }))
  return { pieces, words: most * 27 * full.outputChannels }
}

function tapSumsStage(
  { full, low }: UpsampledGeometry,
  piece: Piece,
  device: Capabilities,
  [dy, sums]: readonly [Slot, Slot],
): Stage {
  // lavapipe takes some 15 ms to compile a load of each number, of which there are 64, and gains a tenth from fours.
  const oneByOne = device.software && (device.subgroupSize ?? 0) > 4
  const { numbers, constants } = packing(oneByOne ? 1 : full.outputChannels)
  const channels = full.outputChannels / numbers
  const count = piece.voxels * channels
  return {
    source: tapSums,
    file: 'upconv3d/tap-sums.wgsl',
    constants,
    bindings: [dy, sums],
    uniforms: {
      u32: [piece.firstVoxel, count, channels, ...low, full.mode === 'replicate' ? 1 : 0],
    },
    grid: linearGrid(count, 64),
  }
}

function inputProgram(
  g: UpsampledGeometry,
  device: Capabilities,
  product: (uniforms: number[], piece: Piece) => Stage,
): Program {
  const { pieces, words } = piecesOf(g)
  const stages = pieces.flatMap((piece) => [
    tapSumsStage(g, piece, device, ['input0', 'scratch0']),
    product([piece.firstVoxel, piece.voxels, g.full.inputChannels, g.full.outputChannels], piece),
  ])
  return { scratch: [words], stages }
}

const inputCost = ([, w]: readonly Spec[], dx: Spec, params: UpsampledConv3dParams): number =>
  productCost(upsampledGeometry('upsampledConv3dInput', dx, w!, params), 27)

export const inputGradientKernels: readonly Kernel<UpsampledConv3dParams>[] = [
  {
    ...matrixKernel<UpsampledConv3dParams>(([, w], dx, params, device) => {
      const g = doubledGeometry(upsampledGeometry('upsampledConv3dInput', dx, w!, params))
      const program = (layout: MatrixLayout) => matrixProgram('input', g, { doubled: true }, device, layout)
      return { g, size: productSize('input', g, true), program }
    }),
    tolerance: ROUNDED_SUMS,
    cost: inputCost,
  },
  {
    name: 'lanes',
    fits: hasLanes,
    suits: (device) => device.software,
    program([, w], dx, params, device) {
      const g = upsampledGeometry('upsampledConv3dInput', dx, w!, params)
      const lanes = device.subgroupSize!
      const { inputChannels } = g.full
      const VECTORS = Math.min(4, Math.ceil(inputChannels / lanes))
      const VOXELS = 16
      return inputProgram(g, device, (uniforms, { voxels }) => ({
        source: inputLanes,
        file: 'upconv3d/input.lanes.wgsl',
        constants: { LANES: lanes, VOXELS, VECTORS },
        bindings: ['scratch0', 'input1', 'output'],
        uniforms: { u32: uniforms },
        grid: [Math.ceil(voxels / VOXELS), Math.ceil(inputChannels / (lanes * VECTORS)), 1],
      }))
    },
    cost: inputCost,
  },
  {
    // The sums of tap-sums.wgsl are made while dy is gathered.
    ...gemmKernel<UpsampledConv3dParams>(([, w], dx, params, device) => {
      const g = doubledGeometry(upsampledGeometry('upsampledConv3dInput', dx, w!, params))
      const program = (layout: GemmLayout) => gemmProgram('input', g, layout, device, { doubled: true })
      return { size: productSize('input', g, true), program }
    }),
    cost: inputCost,
  },
  {
    name: 'direct',
    program([, w], dx, params, device) {
      const g = upsampledGeometry('upsampledConv3dInput', dx, w!, params)
      return inputProgram(g, device, (uniforms, { voxels }) => ({
        source: inputDirect,
        file: 'upconv3d/input.direct.wgsl',
        bindings: ['scratch0', 'input1', 'output'],
        uniforms: { u32: uniforms },
        grid: linearGrid(voxels * g.full.inputChannels, 64),
      }))
    },
    cost: inputCost,
  },
]

/** Where a stage of the weight's gradient reads and writes. */
interface WeightStage {
  /** x, the sums of taps, and the result. */
  readonly bindings: readonly [Slot, Slot, Slot]
  /** Everything but what a kernel appends. */
  readonly uniforms: readonly number[]
  /** Pieces of its sum, each over some of the voxels, that the stage makes. */
  readonly shares: number
  /** Whether they are added to those of earlier pieces. */
  readonly constants: { readonly ADDS: 0 | 1 }
}

/**
 * `wantedShares` is how many shares of the sum over all voxels keep a device busy. A large volume comes in so many pieces
 * that a share of its own for each would fill more memory than a device binds: later pieces then add to the shares of
 * earlier ones.
 */
function weightProgram(
  g: UpsampledGeometry,
  wantedShares: number,
  device: Capabilities,
  product: (stage: WeightStage) => Stage,
): Program {
  const { full, voxels } = g
  const { pieces, words } = piecesOf(g)
  const weights = 27 * full.inputChannels * full.outputChannels
  const mostShares = Math.max(1, Math.floor(device.limits.maxStorageBufferBindingSize / 4 / weights))
  const voxelsPerShare = Math.ceil(Math.min(voxels / Math.min(voxels, wantedShares), pieces[0]!.voxels))
  const sharesOf = (piece: Piece) => Math.ceil(piece.voxels / voxelsPerShare)
  const sharesPerPiece = sharesOf(pieces[0]!)
  const piecesAtOnce = Math.max(1, Math.floor(mostShares / sharesPerPiece))
  const shares = pieces.slice(0, piecesAtOnce).reduce((sum, piece) => sum + sharesOf(piece), 0)
  const join = joinShares(shares, weights, device)
  const sums: Slot = `scratch${join.scratch.length}`
  const products = pieces.flatMap((piece, index) => {
    const firstShare = (index % piecesAtOnce) * sharesPerPiece
    const sizes = [full.inputChannels, full.outputChannels, firstShare, voxelsPerShare]
    return [
      tapSumsStage(g, piece, device, ['input1', sums]),
      product({
        bindings: ['input0', sums, shares > 1 ? 'scratch0' : 'output'],
        uniforms: [piece.firstVoxel, piece.voxels, ...sizes],
        shares: sharesOf(piece),
        constants: { ADDS: index >= piecesAtOnce ? 1 : 0 },
      }),
    ]
  })
  return { scratch: [...join.scratch, words], stages: [...products, ...join.stages] }
}

/** Workgroups that keep a software device's few cores busy. */
const ENOUGH_WORKGROUPS = 64

const weightGeometry = (x: Spec, dw: Spec, params: UpsampledConv3dParams): UpsampledGeometry =>
  upsampledGeometry('upsampledConv3dWeight', x, dw, params)

const weightCost = ([x]: readonly Spec[], dw: Spec, params: UpsampledConv3dParams): number =>
  productCost(weightGeometry(x!, dw, params), 27)

const weightLanesKernel: Kernel<UpsampledConv3dParams> = {
  name: 'lanes',
  fits: hasLanes,
  suits: (device) => device.software,
  program(inputs, dw, params, device) {
    const g = weightGeometry(inputs[0]!, dw, params)
    const { scales, slope, normalized } = fusedStage(inputs, dw, params, device)
    const lanes = device.subgroupSize!
    const CHANNELS = g.full.inputChannels % 16 === 0 ? 16 : Math.min(8, g.full.inputChannels)
    const VECTORS = 6
    const pairGroups = Math.ceil((27 * g.full.outputChannels) / (lanes * VECTORS))
    const channelGroups = Math.ceil(g.full.inputChannels / CHANNELS)
    const wantedShares = Math.ceil(ENOUGH_WORKGROUPS / (pairGroups * channelGroups))
    return weightProgram(
      g,
      wantedShares,
      device,
      ({ bindings: [x, sums, target], uniforms, shares, constants }) => ({
        source: weightLanes,
        file: 'upconv3d/weight.lanes.wgsl',
        constants: { LANES: lanes, CHANNELS, VECTORS, ...constants, ...normalized },
        bindings: [x, sums, scales, target],
        uniforms: { u32: uniforms, f32: [slope] },
        grid: [pairGroups, channelGroups, shares],
      }),
    )
  },
  cost: weightCost,
}

/** As a product of the sums of tap-sums.wgsl, which are made while dy is gathered, and x. */
function weightProduct(
  inputs: readonly Spec[],
  dw: Spec,
  params: UpsampledConv3dParams,
  device: Capabilities,
) {
  const g = doubledGeometry(weightGeometry(inputs[0]!, dw, params))
  const fused = fusedStage(inputs, dw, params, device)
  const options = { doubled: true, factors: ['input1', 'input0'], fused } as const
  return { g, size: productSize('weight', g, true), options }
}

const weightMatrix: Kernel<UpsampledConv3dParams> = {
  ...matrixKernel<UpsampledConv3dParams>((inputs, dw, params, device) => {
    const { g, size, options } = weightProduct(inputs, dw, params, device)
    return { g, size, program: (layout) => matrixProgram('weight', g, options, device, layout) }
  }),
  tolerance: ROUNDED_SUMS,
  cost: weightCost,
}

const weightGemm: Kernel<UpsampledConv3dParams> = {
  ...gemmKernel<UpsampledConv3dParams>((inputs, dw, params, device) => {
    const { g, size, options } = weightProduct(inputs, dw, params, device)
    return { size, program: (layout) => gemmProgram('weight', g, layout, device, options) }
  }),
  cost: weightCost,
}

/** Those that can normalise x as they load it. */
export const fusingWeightGradientKernels: readonly Kernel<UpsampledConv3dParams>[] = [
  weightMatrix,
  weightLanesKernel,
  weightGemm,
]

export const weightGradientKernels: readonly Kernel<UpsampledConv3dParams>[] = [
  ...fusingWeightGradientKernels,
  {
    name: 'direct',
    program([x], dw, params, device) {
      const weights = elements(dw.shape)
      const wantedShares = Math.ceil((ENOUGH_WORKGROUPS * 64) / weights)
      return weightProgram(
        weightGeometry(x!, dw, params),
        wantedShares,
        device,
        ({ bindings, uniforms, shares, constants }) => ({
          source: weightDirect,
          file: 'upconv3d/weight.direct.wgsl',
          constants,
          bindings,
          uniforms: { u32: [...uniforms, shares] },
          grid: linearGrid(weights * shares, 64),
        }),
      )
    },
    cost: weightCost,
  },
]
