import type { Spec } from '../../graph/spec.ts'
import type { Kernel, Program } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import type { Fusible } from '../batchnorm/fusion.ts'
import {
  canLeaveMoments,
  divided,
  ENOUGH_WORKGROUPS,
  type GemmLayout,
  gemmLayout,
  type ProductSize,
  sliceBytes,
  TILES,
  type Tile,
  tileWork,
} from './gemm.ts'

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

/** A node as a matrix product: its size, and its program in a layout. */
export interface Product<Layout> {
  readonly size: ProductSize
  program(layout: Layout): Program
}

/** Makes a product of a node. */
export type AsProduct<P, Layout> = (
  inputs: readonly Spec[],
  output: Spec,
  params: P,
  device: Capabilities,
) => Product<Layout>

/** A kernel that computes nodes as products of gemm.wgsl, laid out by the rule or, in its variants, otherwise. */
export function gemmKernel<P extends Fusible>(
  asProduct: AsProduct<P, GemmLayout>,
): Required<Pick<Kernel<P>, 'name' | 'fits' | 'suits' | 'program' | 'variants'>> {
  return {
    name: 'gemm',
    fits: (device, inputs, output, params) =>
      canLeaveMoments(gemmLayout(asProduct(inputs, output, params, device).size, device), params),
    suits: ({ software }) => !software,
    program(inputs, output, params, device) {
      const { size, program } = asProduct(inputs, output, params, device)
      return program(gemmLayout(size, device))
    },
    variants(inputs, output, params, device) {
      const { size, program } = asProduct(inputs, output, params, device)
      return gemmLayouts(size, device)
        .filter((layout) => canLeaveMoments(layout, params))
        .map((layout) => ({ name: nameOf(layout), program: () => program(layout) }))
    },
  }
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
