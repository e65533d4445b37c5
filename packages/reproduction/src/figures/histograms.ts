import * as Plot from '@observablehq/plot'
import { TISSUE_COLORS } from './colors.ts'
import {
  curveColors,
  curveLegend,
  curveMarks,
  PANEL_HEIGHT,
  type Point,
  panel,
  type StyledCurve,
  stacked,
  steps,
} from './panel.ts'

type Tissue = 'CSF' | 'GM' | 'WM'
/** Larger tissues first, so that the small ones are drawn over them. */
const TISSUES = ['GM', 'WM', 'CSF'] as const

export interface RawHistogramOptions {
  readonly title: string
  /** One panel for each site; points are the middles of equal bins and the voxels in them. */
  readonly panels: readonly {
    readonly site: string
    readonly tissues: Readonly<Record<Tissue, readonly Point[]>>
  }[]
}

/** Raw intensities of the tissues at each site, on one axis that shows how far the sites' scales differ (Fig. 2). */
export function figure2({ title, panels }: RawHistogramOptions): string {
  const all = panels.flatMap(({ tissues }) => TISSUES.flatMap((tissue) => steps(tissues[tissue])))
  const span = extent(all.map(({ x }) => x))
  const bodies = panels.map(({ site, tissues }, index) =>
    panel(index * PANEL_HEIGHT, {
      caption: site,
      x: 'raw intensity',
      y: 'voxels',
      span,
      marks: TISSUES.map((tissue) => filled(steps(tissues[tissue]), TISSUE_COLORS[tissue], 0.5)),
    }),
  )
  const names = TISSUES.map((name) => ({ name, color: TISSUE_COLORS[name], mark: 'area' as const }))
  return stacked(title, bodies, names)
}

export interface HistogramOptions {
  readonly title: string
  /** One panel for each tissue; points are the middles of equal bins and the density there. */
  readonly panels: readonly { readonly tissue: Tissue; readonly series: readonly StyledCurve[] }[]
}

/** Densities of each tissue's intensities in [0, 1], inputs (solid) against what the generator made (dashed) (Fig. 7). */
export function figure7({ title, panels }: HistogramOptions): string {
  const bodies = panels.map(({ tissue, series }, index) => {
    const colors = curveColors(series)
    const areas = series.map(({ points }, curve) => filled(withoutEmptyEnds(points), colors[curve]!, 0.18))
    const lines = curveMarks(series.map((curve) => ({ ...curve, points: withoutEmptyEnds(curve.points) })))
    const marks = [...areas, ...lines]
    return panel(index * PANEL_HEIGHT, { caption: tissue, x: 'intensity', y: 'density', span: [0, 1], marks })
  })
  return stacked(title, bodies, curveLegend(panels[0]?.series ?? []))
}

/** From the last empty bin before the first full one to the first empty one after the last: lines along 0 say nothing. */
function withoutEmptyEnds(points: readonly Point[]): readonly Point[] {
  const first = points.findIndex(({ y }) => y !== 0)
  const last = points.findLastIndex(({ y }) => y !== 0)
  return first < 0 ? [] : points.slice(Math.max(0, first - 1), last + 2)
}

function filled(points: readonly Point[], color: string, opacity: number): Plot.Markish {
  // With a single `y`, Plot would stack the areas on each other.
  return Plot.areaY(points, { x: 'x', y1: 0, y2: 'y', fill: color, fillOpacity: opacity })
}

function extent(values: readonly number[]): readonly [number, number] {
  return values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
}
