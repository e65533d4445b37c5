import { ShapeError } from '../../errors.ts'
import type { Spec } from '../../graph/spec.ts'

/** How curves lie over intensities and over a volume. */
export interface CurveParams {
  /** Side of a place in voxels. */
  readonly cell: number
  /** Intensities of the first and of the last knot. */
  readonly low: number
  readonly high: number
}

/** The sizes behind a slicing of curves. */
export interface CurveGeometry {
  readonly batch: number
  /** D, H, W of the image. */
  readonly voxels: readonly [number, number, number]
  readonly channels: number
  /** Z, Y, X of the grid of curves. */
  readonly places: readonly [number, number, number]
  readonly knots: number
}

/** Checks image, grid and origins and gathers their sizes. */
export function curveGeometry(
  op: string,
  x: readonly number[],
  grid: readonly number[],
  origins: Spec,
  { cell, low, high }: CurveParams,
): CurveGeometry {
  if (x.length !== 5) throw new ShapeError(op, 'the image must be [N, D, H, W, C]')
  if (grid.length !== 5) throw new ShapeError(op, 'the curves must be [N, Z, Y, X, C·B]')
  const [batch, depth, height, width, channels] = x as [number, number, number, number, number]
  const [samples, z, y, along, values] = grid as [number, number, number, number, number]
  if (samples !== batch) throw new ShapeError(op, `${batch} images, but curves for ${samples}`)
  const knots = values / channels
  if (!Number.isInteger(knots) || knots < 2) {
    throw new ShapeError(op, `${values} values are no curves of two knots or more for ${channels} channels`)
  }
  if (origins.shape.length !== 2 || origins.shape[0] !== batch || origins.shape[1] !== 3) {
    throw new ShapeError(op, `the origins must be [${batch}, 3]`)
  }
  if (!(cell > 0 && high > low)) throw new ShapeError(op, 'cell must be above 0, and high above low')
  return { batch, voxels: [depth, height, width], channels, places: [z, y, along], knots }
}

/** One of the things a value is interpolated between. */
export type Share = readonly [index: number, weight: number]

/** Two neighbours of a position among `count`, and what each weighs. A position that is NaN makes both weights NaN. */
export function neighbours(position: number, count: number): readonly [Share, Share] {
  const p = Math.min(Math.max(position, 0), count - 1)
  const first = Number.isNaN(p) ? 0 : Math.min(Math.floor(p), Math.max(count - 2, 0))
  return [
    [first, 1 - (p - first)],
    [Math.min(first + 1, count - 1), p - first],
  ]
}

/** Where an intensity lies among the knots, from 0 to knots − 1, neither end being a limit. */
export const knotPosition = (value: number, knots: number, { low, high }: CurveParams): number =>
  ((value - low) / (high - low)) * (knots - 1)

/**
 * Calls back for every voxel and channel of the image with the places around it: their first index in the grid and their
 * weight. `origins` are in places.
 */
export function visitPlaces(
  { batch, voxels, channels, places, knots }: CurveGeometry,
  { cell }: CurveParams,
  origins: Float64Array,
  visit: (index: number, around: readonly Share[]) => void,
): void {
  const [depth, height, width] = voxels
  let index = 0
  for (let n = 0; n < batch; n++) {
    const along = (axis: 0 | 1 | 2, voxel: number) =>
      neighbours(origins[n * 3 + axis]! + (voxel + 0.5) / cell - 0.5, places[axis])
    for (let z = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          for (let c = 0; c < channels; c++) {
            const around: Share[] = []
            for (const [i, a] of along(0, z)) {
              for (const [j, b] of along(1, y)) {
                for (const [k, d] of along(2, x)) {
                  const place = ((n * places[0] + i) * places[1] + j) * places[2] + k
                  around.push([(place * channels + c) * knots, a * b * d])
                }
              }
            }
            visit(index++, around)
          }
        }
      }
    }
  }
}
