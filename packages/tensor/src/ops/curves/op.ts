import { ShapeError } from '../../errors.ts'
import { elements, sameShape } from '../../graph/spec.ts'
import { apply, type Tensor } from '../../graph/tensor.ts'
import { linearGrid, type Op, type Stage } from '../../op.ts'
import {
  type CurveGeometry,
  type CurveParams,
  curveGeometry,
  knotPosition,
  neighbours,
  visitPlaces,
} from './geometry.ts'

const sliceSource = () => import('./slice.wgsl')
const spreadSource = () => import('./spread.wgsl')
/** Knots that one invocation of the adjoint sums at a time. */
const LANES = 4

const uniforms = ({ batch, voxels, channels, places, knots }: CurveGeometry, params: CurveParams) => ({
  u32: [batch, ...voxels, channels, ...places, knots],
  f32: [1 / params.cell, params.low, (knots - 1) / (params.high - params.low)],
})

/** Curves, or their slopes times a cotangent, at every voxel and channel. */
function sliceStage(g: CurveGeometry, params: CurveParams, slopes: boolean): Stage {
  const count = g.batch * elements(g.voxels) * g.channels
  return {
    source: sliceSource,
    file: slopes ? 'slice.wgsl:slopes' : 'slice.wgsl',
    constants: { SLOPES: slopes ? 1 : 0 },
    bindings: ['input0', 'input1', 'input2', slopes ? 'input3' : 'input0', 'output'],
    uniforms: uniforms(g, params),
    grid: linearGrid(count, 64),
  }
}

/**
 * `x [N,D,H,W,C], grid [N,Z,Y,X,C·B], origins [N,3] → [N,D,H,W,C]`: the value of each voxel's curve at its intensity,
 * trilinear between places and linear between knots; beyond the knots and the places, that of the last. Linear in `grid`.
 */
export const sliceCurvesOp: Op<CurveParams> = {
  name: 'sliceCurves',
  infer([x, grid, origins], params) {
    curveGeometry('sliceCurves', x!.shape, grid!.shape, origins!, params)
    return { shape: x!.shape, dtype: 'f32' }
  },
  reference([x, grid, origins], params, [xSpec, gridSpec, originSpec], output) {
    const g = curveGeometry('sliceCurves', xSpec!.shape, gridSpec!.shape, originSpec!, params)
    const y = new Float64Array(elements(output.shape))
    visitPlaces(g, params, origins!, (index, around) => {
      const knots = neighbours(knotPosition(x![index]!, g.knots, params), g.knots)
      for (const [at, weight] of around) {
        for (const [knot, share] of knots) y[index]! += weight * share * grid![at + knot]!
      }
    })
    return y
  },
  vjp: (ct, [x, grid, origins], _, params) => [
    () => apply(curveSlopesOp, [x!, grid!, origins!, ct], params),
    () => apply(spreadCurvesOp, [x!, origins!, ct], { ...params, shape: grid!.shape }),
    null,
  ],
  kernels: [
    {
      name: 'direct',
      program([x, grid, origins], _, params) {
        const g = curveGeometry('sliceCurves', x!.shape, grid!.shape, origins!, params)
        return { stages: [sliceStage(g, params, false)] }
      },
    },
  ],
}

/** `x, grid, origins, ct [N,D,H,W,C] → [N,D,H,W,C]`: ct times the slope of each voxel's curve at its intensity. */
export const curveSlopesOp: Op<CurveParams> = {
  name: 'curveSlopes',
  infer([x, grid, origins, ct], params) {
    curveGeometry('curveSlopes', x!.shape, grid!.shape, origins!, params)
    if (!sameShape(ct!.shape, x!.shape)) throw new ShapeError('curveSlopes', 'ct must be like the image')
    return { shape: x!.shape, dtype: 'f32' }
  },
  reference([x, grid, origins, ct], params, [xSpec, gridSpec, originSpec], output) {
    const g = curveGeometry('curveSlopes', xSpec!.shape, gridSpec!.shape, originSpec!, params)
    const y = new Float64Array(elements(output.shape))
    const unit = (g.knots - 1) / (params.high - params.low)
    visitPlaces(g, params, origins!, (index, around) => {
      const position = knotPosition(x![index]!, g.knots, params)
      const [[first], [second]] = neighbours(position, g.knots)
      const factor = Number.isNaN(position) ? position : position > 0 && position < g.knots - 1 ? unit : 0
      for (const [at, weight] of around) {
        y[index]! += ct![index]! * factor * weight * (grid![at + second]! - grid![at + first]!)
      }
    })
    return y
  },
  kernels: [
    {
      name: 'direct',
      program([x, grid, origins], _, params) {
        const g = curveGeometry('curveSlopes', x!.shape, grid!.shape, origins!, params)
        return { stages: [sliceStage(g, params, true)] }
      },
    },
  ],
}

/** The adjoint of slicing in the curves: `x, origins, ct [N,D,H,W,C] → [N,Z,Y,X,C·B]`, which is `shape`. */
export const spreadCurvesOp: Op<CurveParams & { readonly shape: readonly number[] }> = {
  name: 'spreadCurves',
  infer([x, origins, ct], params) {
    curveGeometry('spreadCurves', x!.shape, params.shape, origins!, params)
    if (!sameShape(ct!.shape, x!.shape)) throw new ShapeError('spreadCurves', 'ct must be like the image')
    return { shape: params.shape, dtype: 'f32' }
  },
  reference([x, origins, ct], params, [xSpec, originSpec], output) {
    const g = curveGeometry('spreadCurves', xSpec!.shape, params.shape, originSpec!, params)
    const spread = new Float64Array(elements(output.shape))
    visitPlaces(g, params, origins!, (index, around) => {
      const knots = neighbours(knotPosition(x![index]!, g.knots, params), g.knots)
      for (const [at, weight] of around) {
        for (const [knot, share] of knots) spread[at + knot]! += weight * share * ct![index]!
      }
    })
    return spread
  },
  kernels: [
    {
      name: 'gather',
      program([x, origins], _, params) {
        const g = curveGeometry('spreadCurves', x!.shape, params.shape, origins!, params)
        return {
          stages: [
            {
              source: spreadSource,
              file: 'spread.wgsl',
              constants: { QUADS: Math.ceil(g.knots / LANES) },
              bindings: ['input0', 'input1', 'input2', 'output'],
              uniforms: uniforms(g, params),
              grid: linearGrid(g.batch * elements(g.places) * g.channels, 64),
            },
          ],
        }
      },
    },
  ],
}

/**
 * The curves of `grid [N,Z,Y,X,C·B]` at the intensities of `x [N,D,H,W,C]`: for each channel B values, at knots from `low`
 * to `high`, for each place. `origins [N,3]`, in the order z, y, x, say where each image begins in its grid, in places,
 * which are `cell` voxels wide.
 */
export const sliceCurves = (x: Tensor, grid: Tensor, origins: Tensor, params: CurveParams): Tensor =>
  apply(sliceCurvesOp, [x, grid, origins], params)
