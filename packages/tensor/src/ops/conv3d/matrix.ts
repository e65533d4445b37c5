import { f32, type Spec } from '../../graph/spec.ts'
import { type Kernel, linearGrid, type Program, type Slot, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { type Fusible, fusedStage, ownInputs } from '../batchnorm/fusion.ts'
import { sharedSum } from '../reduce/program.ts'
import {
  ADDENDS,
  DIRECTIONS,
  type Direction,
  ENOUGH_WORKGROUPS,
  type GemmLayout,
  type GemmOptions,
  type ProductSize,
  productSize,
  resultElements,
  roundUp,
} from './gemm.ts'
import type { AsProduct, Product } from './gemm-kernel.ts'
import {
  type Conv3dGeometry,
  type Conv3dGradientParams,
  type Conv3dParams,
  convolutionCost,
  geometry,
  shapeWords,
} from './geometry.ts'

/** How a workgroup divides its tile: the tunables of matrix.wgsl. */
interface MatrixTile {
  readonly ROWS: number
  readonly COLUMNS: number
}

/** Tiles for four subgroups, two down and two across, the largest first. Reasoned, not measured. */
const TILES: readonly MatrixTile[] = [
  { ROWS: 128, COLUMNS: 64 },
  { ROWS: 64, COLUMNS: 64 },
  { ROWS: 128, COLUMNS: 32 },
  { ROWS: 64, COLUMNS: 32 },
]
export const SUBGROUPS = 4
export const SUBGROUPS_DOWN = 2
const LANES = 32
const DEPTH = 32

/** A share of fewer slices spends more on writing and adding partial results than it gains. */
const SHORTEST_SHARE = 4

/** Workgroup memory of a tile: both factors with their padding, at most, and a matrix of sums for each subgroup. */
const bytesOf = ({ ROWS, COLUMNS }: MatrixTile): number =>
  2 * (DEPTH + 8) * (ROWS + COLUMNS) + 2 * 8 * DEPTH + SUBGROUPS * 1024

/** The tile with the least padding that fits the device, of equals the largest; undefined where none fits. */
function tileFor({ rows, columns }: ProductSize, { limits }: Capabilities): MatrixTile | undefined {
  const padded = ({ ROWS, COLUMNS }: MatrixTile) => roundUp(rows, ROWS) * roundUp(columns, COLUMNS)
  return TILES.filter((tile) => bytesOf(tile) <= limits.maxComputeWorkgroupStorageSize).reduce<
    MatrixTile | undefined
  >((best, tile) => (best === undefined || padded(tile) < padded(best) ? tile : best), undefined)
}

/** Whether the device has matrix units for these operands, in subgroups of the size that the kernels are written for. */
export function hasMatricesFor(device: Capabilities, g: Conv3dGeometry, factors: readonly Spec[]): boolean {
  return (
    device.matrices !== null &&
    device.subgroupSize === LANES &&
    factors.every(({ dtype }) => dtype === 'f16') &&
    g.inputChannels % 4 === 0 &&
    g.outputChannels % 4 === 0
  )
}

function matrixFits(device: Capabilities, g: Conv3dGeometry, factors: readonly Spec[]): boolean {
  return hasMatricesFor(device, g, factors) && tileFor(productSize('forward', g), device) !== undefined
}

/** How a product is divided, see `GemmLayout`. */
export interface MatrixLayout extends Pick<GemmLayout, 'tiles' | 'slices' | 'slicesPerShare' | 'shares'> {
  readonly tile: MatrixTile
}

/** Shares K out where the tiles alone would be fewer than `enough` workgroups. */
function divided(size: ProductSize, tile: MatrixTile, enough: number): MatrixLayout {
  const tiles = [Math.ceil(size.rows / tile.ROWS), Math.ceil(size.columns / tile.COLUMNS)] as const
  const slices = size.groups * Math.ceil(size.inner / DEPTH)
  const workgroups = tiles[0] * tiles[1] * (size.products ?? 1)
  const wanted = Math.min(Math.ceil(enough / workgroups), Math.floor(slices / SHORTEST_SHARE))
  const slicesPerShare = Math.ceil(slices / Math.max(1, wanted))
  return { tile, tiles, slices, slicesPerShare, shares: Math.ceil(slices / slicesPerShare) }
}

const ruleOf = (size: ProductSize, device: Capabilities): MatrixLayout =>
  divided(size, tileFor(size, device)!, ENOUGH_WORKGROUPS)

const nameOf = ({ tile: { ROWS, COLUMNS }, shares }: MatrixLayout): string =>
  `${ROWS}x${COLUMNS}-shares${shares}`

/** Whether the moments that a fusion may want can be left: each result must be summed in one piece. */
export const canLeaveMoments = ({ shares }: Pick<MatrixLayout, 'shares'>, { fusion }: Fusible): boolean =>
  !fusion?.moments || shares === 1

/** Other layouts than the rule's: every tile, in fewer and in more shares. */
function otherLayouts(size: ProductSize, device: Capabilities): readonly MatrixLayout[] {
  const layouts = TILES.filter((tile) => bytesOf(tile) <= device.limits.maxComputeWorkgroupStorageSize)
    .flatMap((tile) => [1, 0.5, 2].map((part) => divided(size, tile, part * ENOUGH_WORKGROUPS)))
    .map((layout) => [nameOf(layout), layout] as const)
  const found = new Map(layouts)
  found.delete(nameOf(ruleOf(size, device)))
  return [...found.values()]
}

/** Makes a product of a node whose first two inputs are its factors. */
type AsMatrixProduct<P> = (
  ...node: Parameters<AsProduct<P, MatrixLayout>>
) => Product<MatrixLayout> & { readonly g: Conv3dGeometry }

/** A kernel that computes nodes as products on matrix units; see `gemmKernel`. */
export function matrixKernel<P extends Fusible>(
  asProduct: AsMatrixProduct<P>,
): Required<Pick<Kernel<P>, 'name' | 'fits' | 'program' | 'variants'>> {
  return {
    name: 'matrix',
    fits(device, inputs, output, params) {
      const { g, size } = asProduct(inputs, output, params, device)
      return matrixFits(device, g, inputs.slice(0, 2)) && canLeaveMoments(ruleOf(size, device), params)
    },
    program(inputs, output, params, device) {
      const { size, program } = asProduct(inputs, output, params, device)
      return program(ruleOf(size, device))
    },
    variants(inputs, output, params, device) {
      const { size, program } = asProduct(inputs, output, params, device)
      return otherLayouts(size, device)
        .filter((layout) => canLeaveMoments(layout, params))
        .map((layout) => ({ name: nameOf(layout), program: () => program(layout) }))
    },
  }
}

/** The dispatches of a member of the family. */
export function matrixProgram(
  direction: Direction,
  g: Conv3dGeometry,
  { addend, doubled = false, factors: [left, right] = ['input0', 'input1'], fused }: GemmOptions,
  device: Capabilities,
  { tile, tiles, slices, slicesPerShare, shares }: MatrixLayout,
): Program {
  const { products = 1 } = productSize(direction, g, doubled)
  const workgroups = tiles[0] * tiles[1]
  const target: Slot = shares > 1 ? 'scratch0' : 'output'
  const [x, y] = linearGrid(workgroups, 1)
  const layout = [ADDENDS[addend ?? 'none'], workgroups, tiles[1], slices, slicesPerShare]
  const stage: Stage = {
    source: device.matrices!.texts.matrix,
    file: `matrix.wgsl:${direction}`,
    constants: {
      ...tile,
      DIRECTION: DIRECTIONS[direction],
      STRIDED: direction === 'input' && g.stride > 1 ? 1 : 0,
      DOUBLED: doubled ? 1 : 0,
      ...fused?.normalized,
      ...fused?.moments,
    },
    // Without an addend or scales another operand stands in: a binding must exist, its values are not used.
    bindings: [
      left,
      right,
      addend ? 'input2' : 'input1',
      fused?.scales ?? 'input1',
      target,
      fused?.partials ?? 'unused',
    ],
    uniforms: { u32: [...shapeWords(g), ...layout], f32: [fused?.slope ?? 0] },
    grid: [x, y, shares * products],
  }
  const results = resultElements(direction, g, doubled)
  if (shares > 1 || !fused) return sharedSum(stage, shares, results, device)
  const channels = g.outputChannels
  const parts = tiles[0] * SUBGROUPS_DOWN * products
  return fused.program(stage, { rows: results / channels, channels, shares: parts })
}

/** Matrix units may cut off digits of their sums instead of rounding them. */
export const CUT_OFF = 2e-5
/**
 * Where a padding was replicated, gradients that meet at the border are added and rounded to halves before the product; so
 * are those that meet in a voxel that was upsampled, and taps.
 */
export const ROUNDED_SUMS = 1e-3

export const forwardMatrix: Kernel<Conv3dParams> = {
  ...matrixKernel<Conv3dParams>((inputs, output, params, device) => {
    const [x, w, bias] = ownInputs(inputs, params)
    const g = geometry('conv3d', x!, w!, params)
    const options = { addend: bias && 'bias', fused: fusedStage(inputs, output, params, device) } as const
    const program = (layout: MatrixLayout) => matrixProgram('forward', g, options, device, layout)
    return { g, size: productSize('forward', g), program }
  }),
  tolerance: CUT_OFF,
  cost: ([x, w], _, params) => convolutionCost(geometry('conv3d', x!, w!, params)),
}

export const inputMatrix: Kernel<Conv3dGradientParams> = {
  ...matrixKernel<Conv3dGradientParams>(([, w], dx, params, device) => {
    const g = geometry('conv3dInput', dx, w!, params)
    const program = (layout: MatrixLayout) => matrixProgram('input', g, {}, device, layout)
    return { g, size: productSize('input', g), program }
  }),
  tolerance: ROUNDED_SUMS,
  cost: ([, w], dx, params) => convolutionCost(geometry('conv3dInput', dx, w!, params)),
}

const weightGeometry = (x: Spec, params: Conv3dGradientParams): Conv3dGeometry =>
  geometry('conv3dWeight', x, f32(...params.shape), params)

export const weightMatrix: Kernel<Conv3dGradientParams> = {
  ...matrixKernel<Conv3dGradientParams>((inputs, output, params, device) => {
    const g = weightGeometry(inputs[0]!, params)
    const fused = fusedStage(inputs, output, params, device)
    const program = (layout: MatrixLayout) => matrixProgram('weight', g, { fused }, device, layout)
    return { g, size: productSize('weight', g), program }
  }),
  tolerance: CUT_OFF,
  cost: ([x], _, params) => convolutionCost(weightGeometry(x!, params)),
}
