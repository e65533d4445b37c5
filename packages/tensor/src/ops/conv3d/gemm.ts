import { elements } from '../../graph/spec.ts'
import { linearGrid, type Program, type Slot, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { sharedSum } from '../reduce/program.ts'
import source from './gemm.wgsl'
import { type Conv3dGeometry, shapeWords } from './geometry.ts'

/** Which member of the family a product computes; the numbers are those in gemm.wgsl. */
export const DIRECTIONS = { forward: 0, input: 1, weight: 2 } as const

/** A member of the family: the convolution itself, or one of its gradients. */
export type Direction = keyof typeof DIRECTIONS

/** How a workgroup divides its tile: the tunables of gemm.wgsl. */
export interface Tile {
  readonly ROWS: number
  readonly COLUMNS: number
  readonly THREAD_ROWS: number
  readonly THREAD_COLUMNS: number
}

/** Everything about a product that is chosen, and not given by its shape. */
export interface GemmLayout {
  readonly tile: Tile
  /** Length of a slice of K. */
  readonly depth: number
  /** Slices in workgroup memory at a time. */
  readonly buffers: 1 | 2
  /** Tiles down and across the result. */
  readonly tiles: readonly [number, number]
  /** Slices of the whole K, and of each share. */
  readonly slices: number
  readonly slicesPerShare: number
  /** Pieces of K, each of which makes a partial result. */
  readonly shares: number
}

/** Every tile and its slice fit into WebGPU's default 16 KiB of workgroup memory and 256 invocations. */
export const TILES: readonly Tile[] = [
  { ROWS: 128, COLUMNS: 128, THREAD_ROWS: 8, THREAD_COLUMNS: 8 },
  { ROWS: 128, COLUMNS: 64, THREAD_ROWS: 8, THREAD_COLUMNS: 4 },
  { ROWS: 64, COLUMNS: 64, THREAD_ROWS: 4, THREAD_COLUMNS: 4 },
  { ROWS: 128, COLUMNS: 32, THREAD_ROWS: 4, THREAD_COLUMNS: 4 },
  { ROWS: 128, COLUMNS: 16, THREAD_ROWS: 4, THREAD_COLUMNS: 4 },
]

/** For software renderers, where the kernel runs only to be checked: little to compile, and many tiles even so. */
const SOFTWARE_TILE: Tile = { ROWS: 16, COLUMNS: 16, THREAD_ROWS: 4, THREAD_COLUMNS: 4 }

/** Numbers of gemm.wgsl for what is added. */
const ADDENDS = { none: 0, bias: 1, tensor: 2 } as const

/** Workgroups that fill a large GPU: two for each of some 130 multiprocessors. */
export const ENOUGH_WORKGROUPS = 264
/** A share of fewer slices spends more on writing and adding partial results than it gains. */
const SHORTEST_SHARE = 8

/** Sizes of the product `[rows, inner] × [inner, columns]`, as the kernel pads them. */
export interface ProductSize {
  readonly rows: number
  readonly columns: number
  /** Length of the sums for each of `groups`, which slices do not cross: the taps, or all positions as one group. */
  readonly inner: number
  readonly groups: number
}

/** The product that stands for a member of the family. */
export function productSize(direction: Direction, g: Conv3dGeometry): ProductSize {
  const taps = g.kernel ** 3
  const positions = g.batch * elements(g.output)
  switch (direction) {
    case 'forward':
      return { rows: positions, columns: g.outputChannels, inner: g.inputChannels, groups: taps }
    case 'input': {
      const rows = g.batch * elements(g.input)
      return { rows, columns: g.inputChannels, inner: g.outputChannels, groups: taps }
    }
    case 'weight': {
      const rows = taps * Math.ceil(g.inputChannels / 4) * 4
      return { rows, columns: g.outputChannels, inner: positions, groups: 1 }
    }
  }
}

/** The next multiple of `step`. */
export const roundUp = (size: number, step: number): number => Math.ceil(size / step) * step

/**
 * Chooses tile, slices and shares from sizes and limits alone, so that the same shape on the same kind of device
 * always adds up in the same order. The weights are reasoned, not measured: each multiply-add costs one, and each value
 * that an invocation reads from workgroup memory for it costs as much again.
 */
export function gemmLayout(size: ProductSize, device: Pick<Capabilities, 'software' | 'limits'>): GemmLayout {
  const work = ({ ROWS, COLUMNS, THREAD_ROWS, THREAD_COLUMNS }: Tile) =>
    roundUp(size.rows, ROWS) * roundUp(size.columns, COLUMNS) * (1 + 1 / THREAD_ROWS + 1 / THREAD_COLUMNS)
  const tile = device.software
    ? SOFTWARE_TILE
    : TILES.reduce((best, candidate) => (work(candidate) < work(best) ? candidate : best))
  // Slices do not cross taps: where a tap has few channels, long slices would be mostly padding.
  const depth = device.software ? 4 : roundUp(size.inner, 8) < roundUp(size.inner, 16) ? 8 : 16
  const slices = size.groups * Math.ceil(size.inner / depth)
  const tiles = [Math.ceil(size.rows / tile.ROWS), Math.ceil(size.columns / tile.COLUMNS)] as const
  const wanted = Math.ceil(ENOUGH_WORKGROUPS / (tiles[0] * tiles[1]))
  const slicesPerShare = Math.ceil(
    slices / Math.max(1, Math.min(wanted, Math.floor(slices / SHORTEST_SHARE))),
  )
  const bytes = 4 * depth * (tile.ROWS + tile.COLUMNS)
  return {
    tile,
    depth,
    buffers: 2 * bytes <= device.limits.maxComputeWorkgroupStorageSize ? 2 : 1,
    tiles,
    slices,
    slicesPerShare,
    shares: Math.ceil(slices / slicesPerShare),
  }
}

/**
 * Whether a forward convolution of so few input channels is no work for a matrix product: slices of eight would be mostly
 * padding, and writing the output is most of what there is to do.
 */
export const isMostlyPadding = (inputChannels: number): boolean => inputChannels <= 2

/** What a product does besides. */
export interface GemmOptions {
  /** A third operand of the forward product that is added: a bias, or a tensor of the result's shape. */
  readonly addend?: 'bias' | 'tensor' | undefined
  /** Whether x is upsampled by two before the convolution; then `input` of the geometry is the size before. */
  readonly doubled?: boolean
}

/** Elements of what a member of the family computes. */
export function resultElements(direction: Direction, g: Conv3dGeometry): number {
  switch (direction) {
    case 'forward':
      return g.batch * elements(g.output) * g.outputChannels
    case 'input':
      return g.batch * elements(g.input) * g.inputChannels
    case 'weight':
      return g.kernel ** 3 * g.inputChannels * g.outputChannels
  }
}

/** The dispatches of a member of the family. `layout` is an argument so that tests can try other tiles. */
export function gemmProgram(
  direction: Direction,
  g: Conv3dGeometry,
  layout: GemmLayout,
  device: Capabilities,
  { addend, doubled = false }: GemmOptions = {},
): Program {
  const { tile, depth, buffers, tiles, slices, slicesPerShare, shares } = layout
  const workgroups = tiles[0] * tiles[1]
  const [x, y] = linearGrid(workgroups, 1)
  const target: Slot = shares > 1 ? 'scratch0' : 'output'
  const stage: Stage = {
    source,
    file: `gemm.wgsl:${direction}`,
    constants: {
      ...tile,
      DIRECTION: DIRECTIONS[direction],
      STRIDED: direction === 'input' && g.stride > 1 ? 1 : 0,
      VECTOR: g.inputChannels % 4 === 0 && g.outputChannels % 4 === 0 ? 1 : 0,
      DEPTH: depth,
      BUFFERS: buffers,
    },
    // Without an addend the right operand stands in for it: a binding must exist, its values are not used.
    bindings: ['input0', 'input0', 'input1', 'input1', addend ? 'input2' : 'input1', target],
    uniforms: {
      u32: [
        ...shapeWords(g),
        doubled ? 1 : 0,
        ADDENDS[addend ?? 'none'],
        workgroups,
        tiles[1],
        slices,
        slicesPerShare,
      ],
    },
    grid: [x, y, shares],
  }
  return sharedSum(stage, shares, resultElements(direction, g), device)
}
