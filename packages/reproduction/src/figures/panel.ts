import {
  type Axes,
  compactNumber,
  curvePath,
  extent,
  gridLines,
  type LegendEntry,
  linearScale,
  niceDomain,
  type Point,
  text,
  xAxis,
  yAxis,
} from '@voxnorm/report'
import { categoricalColor } from './colors.ts'
import { figureSvg, legend, SIZES, WIDTH } from './frame.ts'

/** A named curve. Solid and dashed ones that belong together have one colour; see `curveColors`. */
export interface StyledCurve {
  readonly name: string
  readonly style: 'solid' | 'dashed'
  readonly points: readonly Point[]
}

export interface PanelOptions {
  readonly caption: string
  readonly x: string
  readonly y: string
  /** Everything that has to fit between the axes. */
  readonly points: readonly Point[]
  /** First and last value of the horizontal axis; by default what the points need. */
  readonly span?: readonly [number, number]
  /** Draws within the axes. */
  readonly marks: (axes: Axes) => string
}

export const PANEL_HEIGHT = 260
const CAPTION = 28
const MARGIN = { top: 10, right: 12, bottom: 52, left: 76 }
const BOTTOM = PANEL_HEIGHT - CAPTION - MARGIN.bottom

/** Axes with marks over the whole width of a figure, the panel's title above; `top` is where the panel begins. */
export function panel(top: number, { caption, x, y, points, span, marks }: PanelOptions): string {
  const [across, up] = [8, 5]
  const axes: Axes = {
    x: linearScale(span ?? extent(numbers(points.map((point) => point.x))), [
      MARGIN.left,
      WIDTH - MARGIN.right,
    ]),
    y: linearScale(niceDomain(extent(numbers(points.map((point) => point.y))), up), [BOTTOM, MARGIN.top]),
  }
  const axis = { labelAt: 'middle', sizes: [SIZES.number, SIZES.label], format: tickText } as const
  const plot = [
    gridLines('horizontal', axes, up, 0.14),
    xAxis(axes.x, BOTTOM, { ...axis, label: x, labelOffset: 46, count: across }),
    yAxis(axes.y, MARGIN.left, { ...axis, label: y, labelOffset: 58, count: up }),
    marks(axes),
    plotFrame(axes),
  ]
  const title = text(MARGIN.left, CAPTION - 8, caption, { size: SIZES.caption, weight: 'bold' })
  return `<g transform="translate(0 ${top})">${title}<g class="panel" transform="translate(0 ${CAPTION})">${plot.join('')}</g></g>`
}

/** The border of the room between the axes. */
export function plotFrame({ x, y }: Axes): string {
  const [left, right] = x.range
  const [bottom, top] = y.range
  return `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="none" stroke="currentColor" stroke-opacity="0.35"/>`
}

/** A line where values change their sign. */
export function zeroLine({ x, y }: Axes): string {
  const at = Math.round(y.at(0))
  return `<line x1="${x.range[0]}" x2="${x.range[1]}" y1="${at}" y2="${at}" stroke="currentColor" stroke-opacity="0.35"/>`
}

const numbers = (values: readonly number[]) => values.filter(Number.isFinite)

/** Thousands and millions by their letters: counts of voxels are long. */
function tickText(value: number): string {
  const [unit, letter] = Math.abs(value) >= 1e6 ? [1e6, 'M'] : Math.abs(value) >= 1e3 ? [1e3, 'k'] : [1, '']
  return compactNumber(value / unit) + letter
}

/** Panels below each other and their common legend. */
export function stacked(title: string, bodies: readonly string[], entries: readonly LegendEntry[]): string {
  const names = legend(entries)
  const end = bodies.length * PANEL_HEIGHT + 6
  const key = `<g transform="translate(0 ${end})">${names.svg}</g>`
  return figureSvg(title, end + names.height, bodies.join('') + key)
}

/** The outline of a histogram whose points are the middles of equal bins: level over each bin, down to 0 at both ends. */
export function steps(points: readonly Point[]): Point[] {
  const width = points.length > 1 ? (points.at(-1)!.x - points[0]!.x) / (points.length - 1) : 1
  return points.flatMap(({ x, y }) => [
    { x: x - width / 2, y },
    { x: x + width / 2, y },
  ])
}

/**
 * One colour for each curve: solid ones in order, and dashed ones those of the last solid ones in order.
 *
 * So "original, α = 0.5, α = 0.9" solid and "α = 0.5, α = 0.9" dashed share a colour for each α.
 */
export function curveColors(curves: readonly Omit<StyledCurve, 'points'>[]): string[] {
  const count = (wanted: string) => curves.filter(({ style }) => style === wanted).length
  const next = { solid: 0, dashed: Math.max(0, count('solid') - count('dashed')) }
  return curves.map(({ style }) => categoricalColor(next[style]++))
}

/** The curves within axes. Points with a value that is no number leave a gap. */
export function curveMarks(curves: readonly StyledCurve[], axes: Axes): string {
  const colors = curveColors(curves)
  return curves
    .map(({ style, points }, index) => {
      const dashes = style === 'dashed' ? ' stroke-dasharray="7 5"' : ''
      return `<path d="${curvePath(points, axes, 'straight')}" stroke="${colors[index]}" fill="none" stroke-width="2.2" stroke-linejoin="round"${dashes}/>`
    })
    .join('')
}

/** Names of curves over all panels, each once, for one legend below. */
export function curveLegend(curves: readonly Omit<StyledCurve, 'points'>[]): LegendEntry[] {
  const colors = curveColors(curves)
  return curves.map(({ name, style }, index) => ({ name, color: colors[index]!, mark: style }))
}
