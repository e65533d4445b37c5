import { f32, type Spec } from '../../graph/spec.ts'
import { type Kernel, linearGrid, type Program, type Slot, type Stage } from '../../op.ts'
import type { Capabilities } from '../../runtime/capabilities.ts'
import { sharedSum } from '../reduce/program.ts'
import {
  DIRECTIONS,
  type Direction,
  ENOUGH_WORKGROUPS,
  type ProductSize,
  productSize,
  resultElements,
  roundUp,
} from './gemm.ts'
import { type Conv3dGeometry, type Conv3dParams, convolutionCost, geometry, shapeWords } from './geometry.ts'
import source from './matrix.wgsl'
import type { Conv3dGradientParams } from './op.ts'

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
const SUBGROUPS = 4
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

/** Whether the device's matrix units multiply these operands. */
function matrixFits(device: Capabilities, g: Conv3dGeometry, factors: readonly Spec[]): boolean {
  return (
    device.matrices !== null &&
    device.subgroupSize === LANES &&
    factors.every(({ dtype }) => dtype === 'f16') &&
    g.inputChannels % 4 === 0 &&
    g.outputChannels % 4 === 0 &&
    tileFor(productSize('forward', g), device) !== undefined
  )
}

/**
 * The kernel in the former syntax of matrix units: how a matrix lies in memory is a bool among the arguments, and it is
 * loaded from single halves.
 */
function inFormerSyntax(text: string): string {
  return text
    .replace(/tiles: array<vec4<f16>, (.*)>;/, 'tiles: array<f16, 4 * ($1)>;')
    .replace('{ tiles[at] = four; }', '{ for (var i = 0; i < 4; i++) { tiles[at * 4 + i] = four[i]; } }')
    .replaceAll(
      /subgroupMatrixLoad<(\w+), (row|col)_major>\(&tiles, at, (\w+)\)/g,
      (_, type, major, line) =>
        `subgroupMatrixLoad<${type}>(&tiles, at * 4u, ${major === 'col'}, ${line} * 4)`,
    )
    .replace(/subgroupMatrixStore<row_major>\((.*), (\w+)\);/, 'subgroupMatrixStore($1, false, $2);')
}

/** The dispatches of a member of the family. */
function matrixProgram(
  direction: Direction,
  g: Conv3dGeometry,
  hasBias: boolean,
  device: Capabilities,
): Program {
  const size = productSize(direction, g)
  const tile = tileFor(size, device)!
  const tiles = [Math.ceil(size.rows / tile.ROWS), Math.ceil(size.columns / tile.COLUMNS)] as const
  const workgroups = tiles[0] * tiles[1]
  const slices = size.groups * Math.ceil(size.inner / DEPTH)
  const wanted = Math.min(Math.ceil(ENOUGH_WORKGROUPS / workgroups), Math.floor(slices / SHORTEST_SHARE))
  const slicesPerShare = Math.ceil(slices / Math.max(1, wanted))
  const shares = Math.ceil(slices / slicesPerShare)
  const target: Slot = shares > 1 ? 'scratch0' : 'output'
  const [x, y] = linearGrid(workgroups, 1)
  const layout = [hasBias ? 1 : 0, workgroups, tiles[1], slices, slicesPerShare]
  const stage: Stage = {
    source: device.matrices === 'former' ? inFormerSyntax(source) : source,
    file: `matrix.wgsl:${direction}`,
    constants: {
      ...tile,
      DIRECTION: DIRECTIONS[direction],
      STRIDED: direction === 'input' && g.stride > 1 ? 1 : 0,
    },
    // Without a bias the right factor stands in for it: a binding must exist, its values are not used.
    bindings: ['input0', 'input1', hasBias ? 'input2' : 'input1', target],
    uniforms: { u32: [...shapeWords(g), ...layout] },
    grid: [x, y, shares],
  }
  return sharedSum(stage, shares, resultElements(direction, g), device)
}

/** Matrix units may cut off digits of their sums instead of rounding them. */
const CUT_OFF = 2e-5
/** Where a padding was replicated, gradients that meet at the border are added and rounded to halves before the product. */
const ROUNDED_SUMS = 1e-3

export const forwardMatrix: Kernel<Conv3dParams> = {
  name: 'matrix',
  tolerance: CUT_OFF,
  fits: (device, [x, w], _, params) => matrixFits(device, geometry('conv3d', x!, w!, params), [x!, w!]),
  program: ([x, w, bias], _, params, device) =>
    matrixProgram('forward', geometry('conv3d', x!, w!, params), bias !== undefined, device),
  cost: ([x, w], _, params) => convolutionCost(geometry('conv3d', x!, w!, params)),
}

export const inputMatrix: Kernel<Conv3dGradientParams> = {
  name: 'matrix',
  tolerance: ROUNDED_SUMS,
  fits: (device, [dy, w], dx, params) =>
    matrixFits(device, geometry('conv3dInput', dx, w!, params), [dy!, w!]),
  program: ([, w], dx, params, device) =>
    matrixProgram('input', geometry('conv3dInput', dx, w!, params), false, device),
  cost: ([, w], dx, params) => convolutionCost(geometry('conv3dInput', dx, w!, params)),
}

const weightGeometry = (x: Spec, params: Conv3dGradientParams): Conv3dGeometry =>
  geometry('conv3dWeight', x, f32(...params.shape), params)

export const weightMatrix: Kernel<Conv3dGradientParams> = {
  name: 'matrix',
  tolerance: CUT_OFF,
  fits: (device, [x, dy], _, params) => matrixFits(device, weightGeometry(x!, params), [x!, dy!]),
  program: ([x], _, params, device) => matrixProgram('weight', weightGeometry(x!, params), false, device),
  cost: ([x], _, params) => convolutionCost(weightGeometry(x!, params)),
}
