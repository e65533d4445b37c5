import { TISSUE_COLORS, type Tissue } from '@voxnorm/data'
import { type Axes, areaPath, extent, type Point } from '@voxnorm/report'
import {
  curveColors,
  curveLegend,
  curveMarks,
  PANEL_HEIGHT,
  panel,
  type StyledCurve,
  stacked,
  steps,
} from './panel.ts'

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
  const bodies = panels.map(({ site, tissues }, index) => {
    const outlines = TISSUES.map((tissue) => ({ tissue, points: steps(tissues[tissue]) }))
    return panel(index * PANEL_HEIGHT, {
      caption: site,
      x: 'raw intensity',
      y: 'voxels',
      span,
      points: onGround(outlines.flatMap(({ points }) => points)),
      marks: (axes) =>
        outlines.map(({ tissue, points }) => filled(points, axes, TISSUE_COLORS[tissue], 0.5)).join(''),
    })
  })
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
    const curves = series.map((curve) => ({ ...curve, points: withoutEmptyEnds(curve.points) }))
    return panel(index * PANEL_HEIGHT, {
      caption: tissue,
      x: 'intensity',
      y: 'density',
      span: [0, 1],
      points: onGround(curves.flatMap(({ points }) => points)),
      marks: (axes) =>
        curves.map(({ points }, curve) => filled(points, axes, colors[curve]!, 0.18)).join('') +
        curveMarks(curves, axes),
    })
  })
  return stacked(title, bodies, curveLegend(panels[0]?.series ?? []))
}

/** From the last empty bin before the first full one to the first empty one after the last: lines along 0 say nothing. */
function withoutEmptyEnds(points: readonly Point[]): readonly Point[] {
  const first = points.findIndex(({ y }) => y !== 0)
  const last = points.findLastIndex(({ y }) => y !== 0)
  return first < 0 ? [] : points.slice(Math.max(0, first - 1), last + 2)
}

/** With a point at zero, which every area stands on. */
function onGround(points: readonly Point[]): readonly Point[] {
  return points.length === 0 ? [] : [...points, { x: points[0]!.x, y: 0 }]
}

function filled(points: readonly Point[], axes: Axes, color: string, opacity: number): string {
  return `<path d="${areaPath(points, axes, 'straight')}" fill="${color}" fill-opacity="${opacity}"/>`
}
