import { f32 } from '../../graph/spec.ts'
import { apply, constant } from '../../graph/tensor.ts'
import type { OpCase, OpCases } from '../../op-case.ts'
import { curveSlopesOp, sliceCurvesOp, spreadCurvesOp } from './op.ts'

interface Sizes {
  readonly batch: number
  readonly voxels: readonly [number, number, number]
  readonly channels: number
  readonly places: readonly [number, number, number]
  readonly knots: number
  readonly cell: number
}

function curveCases({ batch, voxels, channels, places, knots, cell }: Sizes): OpCase[] {
  const image = f32(batch, ...voxels, channels)
  const shape = [batch, ...places, channels * knots]
  // Intensities of a standard normal, so that some lie beyond the knots.
  const params = { cell, low: -1.5, high: 1.25 }
  const x = { spec: image, fill: 'apart' } as const
  const grid = { spec: f32(...shape) }
  // Before the grid, in it, and behind its last place.
  const origins = {
    spec: f32(batch, 3),
    values: Array.from({ length: batch * 3 }, (_, index) => ((index * 0.37) % 1) * places[index % 3]! - 0.4),
  }
  const name = `[${image.shape}] with [${shape}], ${cell} voxels each`
  return [
    {
      op: sliceCurvesOp,
      name,
      // Constant, as there is no gradient in them.
      inputs: [x, grid],
      build: (inputs) => apply(sliceCurvesOp, [...inputs, constant(origins.spec, origins.values)], params),
    },
    {
      op: curveSlopesOp,
      name,
      inputs: [x, grid, origins, { spec: image }],
      build: (inputs) => apply(curveSlopesOp, inputs, params),
      order: 0,
    },
    {
      op: spreadCurvesOp,
      name,
      inputs: [x, origins, { spec: image }],
      build: (inputs) => apply(spreadCurvesOp, inputs, { ...params, shape }),
      order: 0,
    },
  ]
}

export const curvesCases: OpCases = {
  cases: [
    ...curveCases({ batch: 2, voxels: [5, 6, 7], channels: 1, places: [3, 2, 4], knots: 12, cell: 2 }),
    ...curveCases({ batch: 1, voxels: [4, 3, 5], channels: 2, places: [2, 3, 1], knots: 5, cell: 3.5 }),
    ...curveCases({ batch: 1, voxels: [1, 1, 1], channels: 1, places: [1, 1, 1], knots: 2, cell: 1 }),
  ],
  fuzz: (pick) =>
    curveCases({
      batch: pick(1, 3),
      voxels: [pick(1, 7), pick(1, 7), pick(1, 7)],
      channels: pick(1, 3),
      places: [pick(1, 4), pick(1, 4), pick(1, 4)],
      knots: pick(2, 9),
      cell: pick(1, 12) / 2,
    })[pick(0, 2)]!,
}
