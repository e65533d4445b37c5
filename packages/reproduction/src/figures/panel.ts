import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { categoricalColor } from './colors.ts'
import { compactNumber, figureSvg, SIZES, text, WIDTH } from './frame.ts'
import { type LegendEntry, legend } from './legend.ts'

/** A point of a curve or the middle of a histogram's bin. */
export interface Point {
  readonly x: number
  readonly y: number
}

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
  /** First and last value of the horizontal axis; by default what the data needs. */
  readonly span?: readonly [number, number]
  readonly marks: Plot.Markish[]
}

export const PANEL_HEIGHT = 260
const CAPTION = 28

/** Axes with marks over the whole width of a figure, the panel's title above; `top` is where the panel begins. */
export function panel(top: number, { caption, x, y, span, marks }: PanelOptions): string {
  const axes = {
    x: {
      label: x,
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 44,
      ...(span ? { domain: [...span] } : {}),
    },
    y: {
      label: y,
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 66,
      tickFormat: tickText,
      ticks: 5,
      nice: true,
    },
  } as const
  const plot = plotGroup({
    width: WIDTH,
    height: PANEL_HEIGHT - CAPTION,
    marginTop: 10,
    marginLeft: 76,
    marginRight: 12,
    marginBottom: 52,
    ...axes,
    marks: [Plot.gridY({ ticks: 5, strokeOpacity: 0.14 }), ...marks, Plot.frame({ strokeOpacity: 0.35 })],
  })
  const title = text(76, CAPTION - 8, caption, { size: SIZES.caption, weight: 'bold' })
  return `<g transform="translate(0 ${top})">${title}<g transform="translate(0 ${CAPTION})">${plot}</g></g>`
}

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

/** What Observable Plot draws, as a group that takes its lettering from here and nothing from a style sheet. */
export function plotGroup(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<html><body></body></html>')
  const plot = Plot.plot({ ...options, document: document as unknown as Document })
  for (const style of plot.querySelectorAll('style')) style.remove()
  return `<g class="panel" fill="currentColor" font-size="${SIZES.number}" text-anchor="middle">${plot.innerHTML}</g>`
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

/** The curves as marks. Points with a value that is no number leave a gap. */
export function curveMarks(curves: readonly StyledCurve[]): Plot.Markish[] {
  const colors = curveColors(curves)
  return curves.map(({ style, points }, index) =>
    Plot.line(points, {
      x: 'x',
      y: 'y',
      stroke: colors[index]!,
      strokeWidth: 2.2,
      strokeLinejoin: 'round',
      ...(style === 'dashed' ? { strokeDasharray: '7 5' } : {}),
    }),
  )
}

/** Names of curves over all panels, each once, for one legend below. */
export function curveLegend(curves: readonly Omit<StyledCurve, 'points'>[]): LegendEntry[] {
  const colors = curveColors(curves)
  return curves.map(({ name, style }, index) => ({ name, color: colors[index]!, mark: style }))
}
