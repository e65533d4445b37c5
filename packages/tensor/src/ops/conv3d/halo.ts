import { elements, type Spec } from '../../graph/spec.ts'
import { type Kernel, linearGrid, type Program, type Slot, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { type FusedStage, fusedStage, ownInputs } from '../batchnorm/fusion.ts'
import { sharedSum } from '../reduce/program.ts'
import { DIRECTIONS, ENOUGH_WORKGROUPS, type GemmLayout, resultElements, roundUp } from './gemm.ts'
import {
  type Conv3dGeometry,
  type Conv3dGradientParams,
  type Conv3dParams,
  convolutionCost,
  geometry,
} from './geometry.ts'
import {
  CUT_OFF,
  canLeaveMoments,
  hasMatricesFor,
  ROUNDED_SUMS,
  SUBGROUPS,
  SUBGROUPS_DOWN,
} from './matrix.ts'

/** How the work is divided: the tunables of halo.wgsl. */
export interface HaloTile {
  /** Voxels of a workgroup's block; its width is that of a matrix. */
  readonly BLOCK_DEPTH: number
  readonly BLOCK_HEIGHT: number
  /** Channels that a workgroup makes, and those that it takes from the other side at a time. */
  readonly COLUMNS: number
  readonly DEPTH: number
  /** Loads of an invocation that wait for memory together while the halo is staged. */
  readonly AT_ONCE?: number
}

const BLOCK_WIDTH = 16

/** Tiles of 128 voxels, the largest first: with half as many, a third more would be staged. Reasoned, not measured. */
export const TILES: readonly HaloTile[] = [
  { BLOCK_DEPTH: 2, BLOCK_HEIGHT: 4, COLUMNS: 64, DEPTH: 32 },
  { BLOCK_DEPTH: 2, BLOCK_HEIGHT: 4, COLUMNS: 64, DEPTH: 16 },
  { BLOCK_DEPTH: 2, BLOCK_HEIGHT: 4, COLUMNS: 32, DEPTH: 32 },
  { BLOCK_DEPTH: 2, BLOCK_HEIGHT: 4, COLUMNS: 32, DEPTH: 16 },
]

/** The member of the family that a program computes; gradients of weights are left to matrix.wgsl. */
type HaloDirection = 'forward' | 'input'

/** How the work is divided among workgroups: `tiles` counts blocks of voxels and of channels. See `GemmLayout`. */
export interface HaloLayout extends Pick<GemmLayout, 'tiles' | 'slices' | 'slicesPerShare' | 'shares'> {
  readonly tile: HaloTile
}

/** What a program of the forward direction does besides. */
interface HaloOptions {
  /** Whether the third input is a bias `[output channels]`. */
  readonly hasBias?: boolean
  readonly fused?: FusedStage
}

/** Channels that are summed over and those that are made. */
function channelsOf(direction: HaloDirection, g: Conv3dGeometry): { inner: number; columns: number } {
  return direction === 'forward'
    ? { inner: g.inputChannels, columns: g.outputChannels }
    : { inner: g.outputChannels, columns: g.inputChannels }
}

/** Workgroup memory of a tile: halo and weights with their padding, at most, and a matrix of sums for each subgroup. */
function bytesOf({ BLOCK_DEPTH, BLOCK_HEIGHT, COLUMNS, DEPTH }: HaloTile): number {
  const voxels = (BLOCK_DEPTH + 2) * (BLOCK_HEIGHT + 2) * (BLOCK_WIDTH + 2)
  const weights = DEPTH * COLUMNS + 8 * Math.max(DEPTH, COLUMNS)
  return 2 * (voxels * (DEPTH + 8) + weights) + SUBGROUPS * 1024
}

/** Tiles that the device has memory for, those with the least padding first, of equals the largest. */
function fittingTiles(
  direction: HaloDirection,
  g: Conv3dGeometry,
  { limits }: Capabilities,
): readonly HaloTile[] {
  const { inner, columns } = channelsOf(direction, g)
  const padded = ({ COLUMNS, DEPTH }: HaloTile) => roundUp(columns, COLUMNS) * roundUp(inner, DEPTH)
  return TILES.filter((tile) => bytesOf(tile) <= limits.maxComputeWorkgroupStorageSize).sort(
    (a, b) => padded(a) - padded(b),
  )
}

/** Shares the channels that are summed over out where blocks alone would be fewer than `enough` workgroups. */
export function haloLayout(
  direction: HaloDirection,
  g: Conv3dGeometry,
  tile: HaloTile,
  enough = ENOUGH_WORKGROUPS,
): HaloLayout {
  const { inner, columns } = channelsOf(direction, g)
  const [depth, height, width] = g.input
  const { BLOCK_DEPTH, BLOCK_HEIGHT } = tile
  const blocks =
    Math.ceil(depth / BLOCK_DEPTH) * Math.ceil(height / BLOCK_HEIGHT) * Math.ceil(width / BLOCK_WIDTH)
  const tiles = [g.batch * blocks, Math.ceil(columns / tile.COLUMNS)] as const
  const slices = Math.ceil(inner / tile.DEPTH)
  const wanted = Math.min(slices, Math.ceil(enough / (tiles[0] * tiles[1])))
  const slicesPerShare = Math.ceil(slices / wanted)
  return { tile, tiles, slices, slicesPerShare, shares: Math.ceil(slices / slicesPerShare) }
}

/** The dispatches of a member of the family, for 3×3×3 convolutions of stride and padding 1 whose channels come in fours. */
export function haloProgram(
  direction: HaloDirection,
  g: Conv3dGeometry,
  { hasBias = false, fused }: HaloOptions,
  device: Capabilities,
  { tile, tiles, slices, slicesPerShare, shares }: HaloLayout,
): Program {
  const workgroups = tiles[0] * tiles[1]
  const target: Slot = shares > 1 ? 'scratch0' : 'output'
  const replicate = g.mode === 'replicate' ? 1 : 0
  const sizes = [g.batch, ...g.input, g.inputChannels, g.outputChannels]
  const layout = [workgroups, tiles[1], slices, slicesPerShare]
  const [x, y] = linearGrid(workgroups, 1)
  const stage: Stage = {
    source: device.matrices!.texts.halo,
    file: `halo.wgsl:${direction}`,
    constants: {
      ...tile,
      DIRECTION: DIRECTIONS[direction],
      BORDER: direction === 'input' ? replicate : 0,
      ...fused?.normalized,
      ...fused?.moments,
    },
    // Without a bias or scales the weights stand in: a binding must exist, its values are not used.
    bindings: [
      'input0',
      'input1',
      hasBias ? 'input2' : 'input1',
      fused?.scales ?? 'input1',
      target,
      fused?.partials ?? 'unused',
    ],
    uniforms: { u32: [...sizes, replicate, hasBias ? 1 : 0, ...layout], f32: [fused?.slope ?? 0] },
    grid: [x, y, shares],
  }
  const results = resultElements(direction, g)
  if (shares > 1 || !fused) return sharedSum(stage, shares, results, device)
  const channels = g.outputChannels
  return fused.program(stage, { rows: results / channels, channels, shares: tiles[0] * SUBGROUPS_DOWN })
}

/** Above that, blocks compute too much beyond the volume. A width of 24 is still taken. Reasoned, not measured. */
const MOST_PADDING = 4 / 3

/** Whether blocks divide the volume well, and with all shares are one for each multiprocessor of a large GPU. */
function haloSuits(g: Conv3dGeometry, { tile, tiles, slices }: HaloLayout): boolean {
  const padded = tiles[0] * tile.BLOCK_DEPTH * tile.BLOCK_HEIGHT * BLOCK_WIDTH
  return (
    padded <= MOST_PADDING * g.batch * elements(g.input) &&
    tiles[0] * tiles[1] * slices >= ENOUGH_WORKGROUPS / 2
  )
}

/** The rule's layout, or undefined where no tile fits. */
function ruleOf(direction: HaloDirection, g: Conv3dGeometry, device: Capabilities): HaloLayout | undefined {
  const [tile] = fittingTiles(direction, g, device)
  return tile && haloLayout(direction, g, tile)
}

const nameOf = ({ tile, shares }: HaloLayout): string =>
  `${tile.BLOCK_DEPTH}x${tile.BLOCK_HEIGHT}x${BLOCK_WIDTH}-${tile.COLUMNS}-depth${tile.DEPTH}-shares${shares}`

/** Other layouts than the rule's: every tile, in fewer and in more shares. */
function otherLayouts(
  direction: HaloDirection,
  g: Conv3dGeometry,
  device: Capabilities,
): readonly HaloLayout[] {
  const layouts = fittingTiles(direction, g, device)
    .flatMap((tile) => [1, 0.5, 2].map((part) => haloLayout(direction, g, tile, part * ENOUGH_WORKGROUPS)))
    .map((layout) => [nameOf(layout), layout] as const)
  return [...new Map(layouts).values()].slice(1)
}

/** A node's convolution and what is done besides. */
type AsConvolution<P> = (
  inputs: readonly Spec[],
  output: Spec,
  params: P,
  device: Capabilities,
) => HaloOptions & { readonly g: Conv3dGeometry }

function haloKernel<P extends Conv3dParams>(
  direction: HaloDirection,
  asConvolution: AsConvolution<P>,
): Required<Omit<Kernel<P>, 'tolerance' | 'cost'>> {
  return {
    name: 'halo',
    fits(device, inputs, output, params) {
      const { g } = asConvolution(inputs, output, params, device)
      const rule = ruleOf(direction, g, device)
      return (
        hasMatricesFor(device, g, inputs.slice(0, 2)) &&
        g.kernel === 3 &&
        g.stride === 1 &&
        g.padding === 1 &&
        rule !== undefined &&
        canLeaveMoments(rule, params)
      )
    },
    suits(device, inputs, output, params) {
      const { g } = asConvolution(inputs, output, params, device)
      return haloSuits(g, ruleOf(direction, g, device)!)
    },
    program(inputs, output, params, device) {
      const { g, ...options } = asConvolution(inputs, output, params, device)
      return haloProgram(direction, g, options, device, ruleOf(direction, g, device)!)
    },
    variants(inputs, output, params, device) {
      const { g, ...options } = asConvolution(inputs, output, params, device)
      return otherLayouts(direction, g, device)
        .filter((layout) => canLeaveMoments(layout, params))
        .map((layout) => ({
          name: nameOf(layout),
          program: () => haloProgram(direction, g, options, device, layout),
        }))
    },
  }
}

export const forwardHalo: Kernel<Conv3dParams> = {
  ...haloKernel<Conv3dParams>('forward', (inputs, output, params, device) => {
    const [x, w, bias] = ownInputs(inputs, params)
    const fused = fusedStage(inputs, output, params, device)
    return { g: geometry('conv3d', x!, w!, params), hasBias: bias !== undefined, fused }
  }),
  tolerance: CUT_OFF,
  cost: ([x, w], _, params) => convolutionCost(geometry('conv3d', x!, w!, params)),
}

export const inputHalo: Kernel<Conv3dGradientParams> = {
  ...haloKernel<Conv3dGradientParams>('input', ([, w], dx, params) => ({
    g: geometry('conv3dInput', dx, w!, params),
  })),
  tolerance: ROUNDED_SUMS,
  cost: ([, w], dx, params) => convolutionCost(geometry('conv3dInput', dx, w!, params)),
}
