import { elements } from '../../graph/spec.ts'
import { linearGrid, type Program, type Slot, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import type { FusedStage, Fusible } from '../batchnorm/fusion.ts'
import { sharedSum } from '../reduce/program.ts'
import { type Conv3dGeometry, shapeWords } from './geometry.ts'

const source = () => import('./gemm.wgsl')
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

/** Numbers of gemm.wgsl and matrix.wgsl for what is added. */
export const ADDENDS = { none: 0, bias: 1, tensor: 2 } as const

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
  /** How many such products are made side by side: one for each parity of the outputs of an upsampled volume. */
  readonly products?: number
}

/** Parities of a voxel's place: even or odd on each of three axes. */
const PARITIES = 8

/**
 * The product that stands for a member of the family. For one that is `doubled`, sizes of x are those before it was
 * upsampled, and forward also those of the output: a convolution of 2³ taps for each parity.
 */
export function productSize(direction: Direction, g: Conv3dGeometry, doubled = false): ProductSize {
  const taps = g.kernel ** 3
  const positions = g.batch * elements(g.output)
  switch (direction) {
    case 'forward': {
      const { inputChannels: inner, outputChannels: columns } = g
      return { rows: positions, columns, inner, groups: taps, products: doubled ? PARITIES : 1 }
    }
    case 'input': {
      const rows = g.batch * elements(g.input)
      return { rows, columns: g.inputChannels, inner: g.outputChannels, groups: taps }
    }
    case 'weight': {
      if (doubled) {
        const rows = taps * roundUp(g.outputChannels, 4)
        return { rows, columns: g.inputChannels, inner: g.batch * elements(g.input), groups: 1 }
      }
      const rows = taps * roundUp(g.inputChannels, 4)
      return { rows, columns: g.outputChannels, inner: positions, groups: 1 }
    }
  }
}

/** The next multiple of `step`. */
export const roundUp = (size: number, step: number): number => Math.ceil(size / step) * step

/**
 * The work of a tile for each step along K, padding included. The weights are reasoned, not measured: each multiply-add
 * costs one, and each value that an invocation reads from workgroup memory for it costs as much again.
 */
export const tileWork = ({ rows, columns }: ProductSize, tile: Tile): number =>
  roundUp(rows, tile.ROWS) *
  roundUp(columns, tile.COLUMNS) *
  (1 + 1 / tile.THREAD_ROWS + 1 / tile.THREAD_COLUMNS)

/**
 * Chooses tile, slices and shares from sizes and limits alone, so that the same shape on the same kind of device
 * always adds up in the same order.
 */
export function gemmLayout(size: ProductSize, device: Pick<Capabilities, 'software' | 'limits'>): GemmLayout {
  const work = (tile: Tile) => tileWork(size, tile)
  const tile = device.software
    ? SOFTWARE_TILE
    : TILES.reduce((best, candidate) => (work(candidate) < work(best) ? candidate : best))
  // Slices do not cross taps: where a tap has few channels, long slices would be mostly padding.
  const depth = device.software ? 4 : roundUp(size.inner, 8) < roundUp(size.inner, 16) ? 8 : 16
  const twoFit = sliceBytes(tile, depth, 2) <= device.limits.maxComputeWorkgroupStorageSize
  return divided(size, { tile, depth, buffers: twoFit ? 2 : 1 }, ENOUGH_WORKGROUPS)
}

/** Workgroup memory of slices of both operands. */
export const sliceBytes = ({ ROWS, COLUMNS }: Tile, depth: number, buffers: number): number =>
  4 * buffers * depth * (ROWS + COLUMNS)

/** Divides a product into tiles, and K into shares where the tiles alone would be fewer than `workgroups`. */
export function divided(
  size: ProductSize,
  { tile, depth, buffers }: Pick<GemmLayout, 'tile' | 'depth' | 'buffers'>,
  workgroups: number,
): GemmLayout {
  const slices = size.groups * Math.ceil(size.inner / depth)
  const tiles = [Math.ceil(size.rows / tile.ROWS), Math.ceil(size.columns / tile.COLUMNS)] as const
  const wanted = Math.ceil(workgroups / (tiles[0] * tiles[1] * (size.products ?? 1)))
  const slicesPerShare = Math.ceil(
    slices / Math.max(1, Math.min(wanted, Math.floor(slices / SHORTEST_SHARE))),
  )
  return {
    tile,
    depth,
    buffers,
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
  /** Whether x is upsampled by two before the convolution, see `productSize`. */
  readonly doubled?: boolean
  /** The factors, where they are not the op's first two inputs; w of a forward product is then in sums of taps. */
  readonly factors?: readonly [left: Slot, right: Slot]
  readonly fused?: FusedStage
}

/**
 * Whether a product can leave the moments that a fusion may want: each result must be summed in one piece, and the sums of
 * a tile's columns must fit where its slices were.
 */
export const canLeaveMoments = ({ shares, tile, depth, buffers }: GemmLayout, { fusion }: Fusible): boolean =>
  !fusion?.moments || (shares === 1 && tile.COLUMNS <= tile.THREAD_ROWS * depth * buffers)

/** Elements of what a member of the family computes. */
export function resultElements(direction: Direction, g: Conv3dGeometry, doubled = false): number {
  switch (direction) {
    case 'forward':
      return (doubled ? PARITIES : 1) * g.batch * elements(g.output) * g.outputChannels
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
  { addend, doubled = false, factors: [left, right] = ['input0', 'input1'], fused }: GemmOptions = {},
): Program {
  const { tile, depth, buffers, tiles, slices, slicesPerShare, shares } = layout
  const { products = 1 } = productSize(direction, g, doubled)
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
      DOUBLED: doubled ? 1 : 0,
      VECTOR: g.inputChannels % 4 === 0 && g.outputChannels % 4 === 0 ? 1 : 0,
      DEPTH: depth,
      BUFFERS: buffers,
      ...fused?.normalized,
      ...fused?.moments,
    },
    // Without an addend the right operand stands in for it: a binding must exist, its values are not used.
    bindings: [
      left,
      left,
      right,
      right,
      addend ? 'input2' : 'input1',
      fused?.scales ?? 'input1',
      target,
      fused?.partials ?? 'unused',
    ],
    uniforms: {
      u32: [...shapeWords(g), ADDENDS[addend ?? 'none'], workgroups, tiles[1], slices, slicesPerShare],
      f32: [fused?.slope ?? 0],
    },
    grid: [x, y, shares * products],
  }
  const results = resultElements(direction, g, doubled)
  if (shares > 1 || !fused) return sharedSum(stage, shares, results, device)
  const channels = g.outputChannels
  return fused.program(stage, { rows: results / channels, channels, shares: tiles[0] * products })
}
