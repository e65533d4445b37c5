import { ShapeError } from '../../errors.ts'
import { elements, type Spec, sameShape } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op, type Program } from '../../op.ts'
import { neighbours } from '../curves/geometry.ts'
import { sharedSum } from '../reduce/program.ts'

const histogramSource = () => import('./histogram.wgsl')
const slopesSource = () => import('./slopes.wgsl')
const statisticsSource = () => import('./statistics.wgsl')
/** What is counted where. */
export interface HistogramParams {
  /** Side of a cell in voxels. */
  readonly cell: number
  /** Values of a histogram, at intensities from `low` to `high`. */
  readonly knots: number
  readonly low: number
  readonly high: number
  /** Labels 1 to `classes` have a histogram each. */
  readonly classes: number
}

/** Knots that one invocation sums at a time. */
const LANES = 4
/** Planes of voxels that one invocation goes through. */
const PLANES_PER_SHARE = 8

interface CellGeometry {
  readonly batch: number
  /** Cells along z, y and x. */
  readonly cells: readonly [number, number, number]
  readonly channels: number
}

function cellGeometry(op: string, x: readonly number[], labels: Spec, cell: number): CellGeometry {
  if (x.length !== 5) throw new ShapeError(op, 'the image must be [N, D, H, W, C]')
  if (labels.dtype !== 'u32' || !sameShape(labels.shape, x.slice(0, 4))) {
    throw new ShapeError(op, `labels must be u32[${x.slice(0, 4).join(',')}]`)
  }
  const [batch, depth, height, width, channels] = x as [number, number, number, number, number]
  const cells = [depth / cell, height / cell, width / cell] as const
  if (!cells.every(Number.isInteger)) {
    throw new ShapeError(op, `${depth}×${height}×${width} voxels are no cells of ${cell}`)
  }
  return { batch, cells, channels }
}

/** Calls back for every voxel and channel with their cell, counted over all samples. */
function visitCells(
  { batch, cells: [z, y, x], channels }: CellGeometry,
  cell: number,
  visit: (index: number, voxel: number, cell: number, channel: number) => void,
): void {
  let voxel = 0
  for (let n = 0; n < batch; n++) {
    for (let d = 0; d < z * cell; d++) {
      for (let h = 0; h < y * cell; h++) {
        for (let w = 0; w < x * cell; w++) {
          const [i, j, k] = [d, h, w].map((at) => Math.floor(at / cell)) as [number, number, number]
          const at = ((n * z + i) * y + j) * x + k
          for (let c = 0; c < channels; c++) visit(voxel * channels + c, voxel, at, c)
          voxel++
        }
      }
    }
  }
}

const positionOf = (value: number, { knots, low, high }: HistogramParams): number =>
  ((value - low) / (high - low)) * (knots - 1)

const checkHistogram = (op: string, { knots, low, high, classes }: HistogramParams) => {
  if (!(Number.isInteger(knots) && knots >= 2 && high > low && classes >= 1)) {
    throw new ShapeError(op, 'a histogram has two knots or more, high above low, and a class or more')
  }
}

const uniforms = (
  { batch, cells, channels }: CellGeometry,
  { cell, knots, low, high, classes }: HistogramParams,
) => ({
  u32: [batch, ...cells, channels, cell, knots, classes],
  f32: [low, (knots - 1) / (high - low)],
})

/**
 * `x [N,D,H,W,C], labels [N,D,H,W] → [N,D/cell,H/cell,W/cell,classes·C·B]`: for each cell, class and channel how many
 * voxels are at each of the B knots. A voxel between two knots counts at both in part, one beyond them at the last.
 */
export const softHistogramOp: Op<HistogramParams> = {
  name: 'softHistogram',
  integers: [1],
  infer([x, labels], params) {
    checkHistogram('softHistogram', params)
    const { batch, cells, channels } = cellGeometry('softHistogram', x!.shape, labels!, params.cell)
    return { shape: [batch, ...cells, params.classes * channels * params.knots], dtype: 'f32' }
  },
  reference([x, labels], params, [xSpec, labelSpec], output) {
    const { cell, knots, classes } = params
    const g = cellGeometry('softHistogram', xSpec!.shape, labelSpec!, cell)
    const counts = new Float64Array(elements(output.shape))
    visitCells(g, cell, (index, voxel, at, channel) => {
      const label = labels![voxel]!
      if (label < 1 || label > classes) return
      const first = ((at * classes + label - 1) * g.channels + channel) * knots
      for (const [knot, share] of neighbours(positionOf(x![index]!, params), knots)) {
        counts[first + knot]! += share
      }
    })
    return counts
  },
  vjp: (ct, [x, labels], _, params) => [() => apply(histogramSlopesOp, [x!, labels!, ct], params), null],
  kernels: [
    {
      name: 'shares',
      program([x, labels], output, params, device): Program {
        const g = cellGeometry('softHistogram', x!.shape, labels!, params.cell)
        const shares = Math.ceil(params.cell / PLANES_PER_SHARE)
        const outputs = elements(output.shape)
        const quads = (outputs / params.knots) * Math.ceil(params.knots / LANES)
        return sharedSum(
          {
            source: histogramSource,
            file: 'histogram.wgsl',
            bindings: ['input0', 'input1', shares > 1 ? 'scratch0' : 'output'],
            uniforms: { ...uniforms(g, params), u32: [...uniforms(g, params).u32, shares] },
            grid: linearGrid(quads * shares, 64),
          },
          shares,
          outputs,
          device,
        )
      },
    },
  ],
}

/** The gradient of the counts in the intensities: `x, labels, ct [N,D/cell,…,classes·C·B] → [N,D,H,W,C]`. */
export const histogramSlopesOp: Op<HistogramParams> = {
  name: 'histogramSlopes',
  integers: [1],
  infer([x, labels, ct], params) {
    checkHistogram('histogramSlopes', params)
    const { batch, cells, channels } = cellGeometry('histogramSlopes', x!.shape, labels!, params.cell)
    const wanted = [batch, ...cells, params.classes * channels * params.knots]
    if (!sameShape(ct!.shape, wanted)) throw new ShapeError('histogramSlopes', `ct must be [${wanted}]`)
    return { shape: x!.shape, dtype: 'f32' }
  },
  reference([x, labels, ct], params, [xSpec, labelSpec], output) {
    const { cell, knots, low, high, classes } = params
    const g = cellGeometry('histogramSlopes', xSpec!.shape, labelSpec!, cell)
    const y = new Float64Array(elements(output.shape))
    visitCells(g, cell, (index, voxel, at, channel) => {
      const label = labels![voxel]!
      if (label < 1 || label > classes) return
      const position = positionOf(x![index]!, params)
      if (position <= 0 || position >= knots - 1) return
      const [[first], [second]] = neighbours(position, knots)
      const row = ((at * classes + label - 1) * g.channels + channel) * knots
      const unit = Number.isNaN(position) ? position : (knots - 1) / (high - low)
      y[index] = unit * (ct![row + second]! - ct![row + first]!)
    })
    return y
  },
  kernels: [
    {
      name: 'direct',
      program([x, labels], _, params) {
        const g = cellGeometry('histogramSlopes', x!.shape, labels!, params.cell)
        return {
          stages: [
            {
              source: slopesSource,
              file: 'slopes.wgsl',
              bindings: ['input0', 'input1', 'input2', 'output'],
              uniforms: uniforms(g, params),
              grid: linearGrid(elements(x!.shape), 64),
            },
          ],
        }
      },
    },
  ],
}

/** `x [N,D,H,W,C], labels [N,D,H,W] → [N,D/cell,H/cell,W/cell,3·C]`: see {@link cellStatistics}. */
export const cellStatisticsOp: Op<{ readonly cell: number }> = {
  name: 'cellStatistics',
  integers: [1],
  infer([x, labels], { cell }) {
    const { batch, cells, channels } = cellGeometry('cellStatistics', x!.shape, labels!, cell)
    return { shape: [batch, ...cells, 3 * channels], dtype: 'f32' }
  },
  reference([x, labels], { cell }, [xSpec, labelSpec], output) {
    const g = cellGeometry('cellStatistics', xSpec!.shape, labelSpec!, cell)
    const [, depth, height, width] = xSpec!.shape as [number, number, number, number]
    const sums = new Float64Array(elements(output.shape))
    visitCells(g, cell, (index, voxel, at, channel) => {
      if (labels![voxel]! < 1) return
      const value = x![index]!
      const row = (at * g.channels + channel) * 3
      sums[row]! += value
      sums[row + 1]! += value * value
      const steps = [
        [Math.floor(voxel / (height * width)) % depth < depth - 1, height * width],
        [Math.floor(voxel / width) % height < height - 1, width],
        [voxel % width < width - 1, 1],
      ] as const
      for (const [exists, step] of steps) {
        if (exists && labels![voxel + step]! > 0) {
          sums[row + 2]! += (x![index + step * g.channels]! - value) ** 2
        }
      }
    })
    return sums
  },
  kernels: [
    {
      name: 'direct',
      program([x, labels], output, { cell }) {
        const { batch, cells, channels } = cellGeometry('cellStatistics', x!.shape, labels!, cell)
        return {
          stages: [
            {
              source: statisticsSource,
              file: 'statistics.wgsl',
              bindings: ['input0', 'input1', 'output'],
              uniforms: { u32: [batch, ...cells, channels, cell] },
              grid: linearGrid(elements(output.shape) / 3, 64),
            },
          ],
        }
      },
    },
  ],
}

/**
 * Soft histograms of `x [N,D,H,W,C]` in cells of `cell`³ voxels, one for each of the labels 1 to `classes` of
 * `labels [N,D,H,W]` and each channel: `[N,D/cell,H/cell,W/cell,classes·C·knots]`, in voxels.
 */
export const softHistogram = (x: Tensor, labels: Tensor, params: HistogramParams): Tensor =>
  apply(softHistogramOp, [x, labels], params)

/**
 * For each cell of `cell`³ voxels and each channel three sums over the voxels whose label is above 0: of x, of its square,
 * and of the squared differences to the next voxel on each axis, where that has a label above 0, too. It has no gradient.
 */
export const cellStatistics = (x: Tensor, labels: Tensor, params: { readonly cell: number }): Tensor =>
  apply(cellStatisticsOp, [x, labels], params)
