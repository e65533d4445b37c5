import type { Variant } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import {
  type Direction,
  divided,
  ENOUGH_WORKGROUPS,
  type GemmLayout,
  type GemmOptions,
  gemmLayout,
  gemmProgram,
  type ProductSize,
  productSize,
  sliceBytes,
  TILES,
  type Tile,
  tileWork,
} from './gemm.ts'
import type { Conv3dGeometry } from './geometry.ts'

/** Tiles that the rule does not know, since nobody has measured them. */
const MORE_TILES: readonly Tile[] = [
  { ROWS: 64, COLUMNS: 64, THREAD_ROWS: 8, THREAD_COLUMNS: 4 },
  { ROWS: 64, COLUMNS: 32, THREAD_ROWS: 4, THREAD_COLUMNS: 4 },
]
/** For software renderers, which have few invocations to compile: every branch of the text, at a small price. */
const SOFTWARE_TILES: readonly Tile[] = [
  { ROWS: 16, COLUMNS: 16, THREAD_ROWS: 4, THREAD_COLUMNS: 4 },
  { ROWS: 16, COLUMNS: 32, THREAD_ROWS: 8, THREAD_COLUMNS: 8 },
]

/** Tiles of more estimated work than this, as a multiple of the least, are not worth a measurement. */
const TOO_MUCH_WORK = 1.5
const MOST_VARIANTS = 24

/** Other layouts of a product than the rule's, see `Kernel.variants`. */
export function gemmVariants(
  direction: Direction,
  g: Conv3dGeometry,
  device: Capabilities,
  options?: GemmOptions,
): readonly Variant[] {
  return gemmLayouts(productSize(direction, g), device).map((layout) => ({
    name: nameOf(layout),
    program: () => gemmProgram(direction, g, layout, options),
  }))
}

/**
 * The search: for every tile that is not mostly padding, the rule's slices in fewer and in more shares, and then other
 * slices. Shares stop at twice the workgroups that are enough, so that partial results fit a binding of WebGPU's default
 * 128 MiB.
 */
function gemmLayouts(size: ProductSize, device: Capabilities): readonly GemmLayout[] {
  const { maxComputeWorkgroupStorageSize: room, maxComputeInvocationsPerWorkgroup: most } = device.limits
  const rule = gemmLayout(size, device)
  const candidates = device.software ? SOFTWARE_TILES : [...TILES, ...MORE_TILES]
  const tiles = candidates
    .filter((tile) => (tile.ROWS / tile.THREAD_ROWS) * (tile.COLUMNS / tile.THREAD_COLUMNS) <= most)
    .sort((a, b) => tileWork(size, a) - tileWork(size, b))
  const least = tileWork(size, tiles[0]!)
  const slices = [rule.depth, ...(device.software ? [4, 8] : [8, 16, 32])].flatMap((depth) =>
    ([2, 1] as const).map((buffers) => ({ depth, buffers })),
  )
  const found = new Map<string, GemmLayout>()
  for (const tile of tiles.filter((one) => tileWork(size, one) <= TOO_MUCH_WORK * least)) {
    const fitting = slices.filter(({ depth, buffers }) => sliceBytes(tile, depth, buffers) <= room)
    fitting.forEach((slice, index) => {
      for (const part of index === 0 ? [1, 0.5, 2] : [1]) {
        const layout = divided(size, { tile, ...slice }, part * ENOUGH_WORKGROUPS)
        found.set(nameOf(layout), layout)
      }
    })
  }
  found.delete(nameOf(rule))
  return [...found.values()].slice(0, MOST_VARIANTS)
}

function nameOf({ tile, depth, buffers, shares }: GemmLayout): string {
  const { ROWS, COLUMNS, THREAD_ROWS, THREAD_COLUMNS } = tile
  return `${ROWS}x${COLUMNS}-${THREAD_ROWS}x${THREAD_COLUMNS}-depth${depth}-buffers${buffers}-shares${shares}`
}
