import type { PreparedSubject, Triple } from '@voxnorm/data'
import {
  affine,
  cellStatistics,
  compile,
  concat,
  div,
  elements,
  f32,
  input,
  type Runtime,
  relu,
  reshape,
  SlotPool,
  sliceChannels,
  softHistogram,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  u32,
} from '@voxnorm/tensor'

/** What a generator that sees whole volumes is shown of the one that its input was cut from. */
export interface VolumeView {
  /** `[N, Z, Y, X, F]`, a row for each cell of the volume: see {@link cellFeatures}. */
  readonly cells: Tensor
  /** `[N, 3]` in the order z, y, x: where the input begins in the volume, in cells. */
  readonly origins: Tensor
  /** Side of a cell in voxels. */
  readonly cell: number
}

/** How the volumes of a model are seen. */
export interface ViewGeometry {
  /** Side of a cell in voxels. */
  readonly cell: number
  /** Knots of the histograms over 0 to 1. */
  readonly knots: number
  readonly channels: number
}

/** Numbers that are known of a cell. */
export const featureCount = ({ knots, channels }: Pick<ViewGeometry, 'knots' | 'channels'>): number =>
  channels * (knots + 3) + 1

/**
 * Cells on each axis of a grid that takes volumes of these shapes, with an empty one at the far end. With
 * it, what convolutions find around a volume is zero, and a volume is seen alike alone and among larger ones.
 */
export function cellsFor({ cell }: Pick<ViewGeometry, 'cell'>, shapes: readonly Triple[]): Triple {
  const along = (axis: 0 | 1 | 2) => Math.ceil(Math.max(...shapes.map((shape) => shape[axis])) / cell) + 1
  return [along(0), along(1), along(2)]
}

/** A cell with less brain than this share of it counts less. */
const FAINT = 1e-3

/**
 * What is in the cells of volumes `x [N, D, H, W, C]` where `inside [N, D, H, W]` (u32) is 1. For each channel the soft
 * histogram over 0 to 1, which adds up to 1, the mean, four times the standard deviation, and twice the root mean square
 * of the gradient, in units of x per voxel; last the share of the cell that is inside. Empty cells are 0.
 */
export function cellFeatures(x: Tensor, inside: Tensor, { cell, knots, channels }: ViewGeometry): Tensor {
  const histogram = softHistogram(x, inside, { cell, knots, low: 0, high: 1, classes: 1 })
  const grid = histogram.shape.slice(0, 4)
  const sums = reshape(cellStatistics(x, inside, { cell }), [elements(grid), channels, 3])
  const count = sum(sliceChannels(histogram, 0, knots), [4], true)
  const divisor = affine(count, 1, FAINT * cell ** 3)
  const average = (kind: number) => div(reshape(sliceChannels(sums, kind, 1), [...grid, channels]), divisor)
  const mean = average(0)
  const variance = relu(sub(average(1), square(mean)))
  return concat([
    div(histogram, divisor),
    mean,
    affine(sqrt(variance), 4, 0),
    affine(sqrt(average(2)), 2, 0),
    affine(count, 1 / cell ** 3, 0),
  ])
}

/** The part of a prepared subject that is seen. */
export type ViewedVolume = Pick<PreparedSubject, 'shape' | 'channels' | 'image' | 'mask'>

/** Looks at volumes on a device. */
export interface Viewer {
  readonly geometry: ViewGeometry
  /** Cells on each axis of what it gives. */
  readonly cells: Triple
  /** The features of a volume's cells, `[Z, Y, X, F]`. */
  view(volume: ViewedVolume): Promise<Float32Array>
  dispose(): void
}

/** Makes a viewer for volumes that are no larger than the largest of `shapes` on any axis. */
export async function createViewer(
  runtime: Runtime,
  geometry: ViewGeometry,
  shapes: readonly Triple[],
): Promise<Viewer> {
  const cells = cellsFor(geometry, shapes)
  const [depth, height, width] = cells.map((count) => count * geometry.cell) as [number, number, number]
  const { channels } = geometry
  const x = input('x', f32(1, depth, height, width, channels))
  const inside = input('inside', u32(1, depth, height, width))
  const pool = new SlotPool(runtime)
  const outputs = { cells: cellFeatures(x, inside, geometry) }
  const plan = await compile(runtime, { name: 'view of a volume', outputs }, { pool })
  return {
    geometry,
    cells,
    async view({ shape, image, mask }) {
      const result = await plan.run({
        x: padded(image, shape, channels, [depth, height, width], Float32Array),
        inside: padded(mask, shape, 1, [depth, height, width], Uint32Array),
      })
      return result['cells']!
    },
    dispose() {
      plan.dispose()
      pool.dispose()
    },
  }
}

/** A volume `[D, H, W, C]` in the corner of a larger one that is 0 elsewhere. */
function padded<Values extends Float32Array | Uint32Array>(
  values: ArrayLike<number>,
  [depth, height, width]: Triple,
  channels: number,
  to: readonly [number, number, number],
  Type: new (length: number) => Values,
): Values {
  const result = new Type(elements(to) * channels)
  const length = width * channels
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const from = (z * height + y) * length
      const at = (z * to[1] + y) * to[2] * channels
      for (let i = 0; i < length; i++) result[at + i] = values[from + i]!
    }
  }
  return result
}

/** The views of subjects, and where patches lie in them. */
export interface VolumeViews {
  readonly geometry: ViewGeometry
  readonly cells: Triple
  /** Throws RangeError for a subject that was not looked at. */
  of(subject: ViewedVolume): Float32Array
}

/** Looks at all of `subjects` once. They are kept, some 2 % of the memory of the subjects themselves. */
export async function viewSubjects(
  runtime: Runtime,
  geometry: ViewGeometry,
  subjects: readonly ViewedVolume[],
): Promise<VolumeViews> {
  const viewer = await createViewer(
    runtime,
    geometry,
    subjects.map(({ shape }) => shape),
  )
  const views = new Map<ViewedVolume, Float32Array>()
  try {
    for (const subject of subjects) views.set(subject, await viewer.view(subject))
  } finally {
    viewer.dispose()
  }
  return {
    geometry,
    cells: viewer.cells,
    of(subject) {
      const view = views.get(subject)
      if (view === undefined) throw new RangeError('A generator has not seen the volume of a patch.')
      return view
    },
  }
}

/** The inputs of a graph through which views come to it: `cells` and `origins`. */
export function viewInput(geometry: ViewGeometry, cells: Triple, batch: number): VolumeView {
  return {
    cells: input('cells', f32(batch, ...cells, featureCount(geometry))),
    origins: input('origins', f32(batch, 3)),
    cell: geometry.cell,
  }
}

/** An input of such a graph: where it begins, and the factors of its volume's rows where a field degrades them. */
export interface SeenPatch {
  readonly subject: ViewedVolume
  /** First voxel (z, y, x). */
  readonly corner: Triple
  readonly ramp?: ArrayLike<number> | undefined
}

/** What such a graph is fed for patches. */
export function viewFeeds(
  views: VolumeViews,
  draws: readonly SeenPatch[],
): { readonly cells: Float32Array; readonly origins: Float32Array } {
  const { geometry, cells: grid } = views
  const size = elements(grid) * featureCount(geometry)
  const cells = new Float32Array(draws.length * size)
  const origins = new Float32Array(draws.length * 3)
  draws.forEach(({ subject, corner, ramp }, index) => {
    const view = views.of(subject)
    cells.set(ramp ? degradedView(view, views, ramp) : view, index * size)
    origins.set(
      corner.map((voxel) => voxel / geometry.cell),
      index * 3,
    )
  })
  return { cells, origins }
}

/**
 * The view of a volume whose rows along y are multiplied by a ramp, from the view before: within a cell, a slow field is
 * one factor. Histograms are moved from knot to knot.
 */
export function degradedView(
  view: Float32Array,
  { geometry, cells: [, rows, columns] }: Pick<VolumeViews, 'geometry' | 'cells'>,
  ramp: ArrayLike<number>,
): Float32Array {
  const { cell, knots, channels } = geometry
  const features = featureCount(geometry)
  const factors = Array.from({ length: rows }, (_, row) => {
    const middle = Math.min(Math.round((row + 0.5) * cell - 0.5), ramp.length - 1)
    return ramp[middle]!
  })
  const degraded = view.slice()
  for (let at = 0, index = 0; at < view.length; at += features, index++) {
    const factor = factors[Math.floor(index / columns) % rows]!
    degraded.fill(0, at, at + channels * knots)
    for (let c = 0; c < channels; c++) {
      const first = at + c * knots
      for (let knot = 0; knot < knots; knot++) {
        const moved = Math.min(knot * factor, knots - 1)
        const below = Math.min(Math.floor(moved), knots - 2)
        degraded[first + below]! += view[first + knot]! * (1 - (moved - below))
        degraded[first + below + 1]! += view[first + knot]! * (moved - below)
      }
    }
    // Mean, deviation and gradient of each channel are multiplied like the voxels; the share of brain is not.
    for (let i = at + channels * knots; i < at + features - 1; i++) degraded[i]! *= factor
  }
  return degraded
}
