import * as Plot from '@observablehq/plot'
import { categoricalColor, FAINT } from './colors.ts'
import { figureSvg, SIZES, text, textWidth, WIDTH, wrap } from './frame.ts'
import { type LegendEntry, legend } from './legend.ts'
import { plotGroup } from './panel.ts'

/** A number of ours, with the ends of its interval, and the paper's where it has one; NaN is drawn as nothing. */
export interface ComparisonRow {
  readonly name: string
  readonly ours: number
  readonly published?: number
  readonly low?: number
  readonly high?: number
}

export interface ComparisonOptions {
  readonly title: string
  readonly rows: readonly ComparisonRow[]
  /** Name and unit of the number. */
  readonly x: string
}

const ROW = 34
const AXIS = 56
const LINE = SIZES.number * 1.1
const OURS = categoricalColor(0)
const PUBLISHED = categoricalColor(5)

/** Our numbers with their intervals and the published ones beside them, one row each, as dots on a common axis. */
export function comparisonChart({ title, rows, x }: ComparisonOptions): string {
  const left = Math.min(280, Math.max(...rows.map(({ name }) => textWidth(name, SIZES.number)))) + 12
  const names = rows.map(({ name }) => wrap(name, left - 12, SIZES.number))
  // Whole units, since Plot rounds the heights of bands.
  const rowHeight = Math.ceil(Math.max(ROW, ...names.map((lines) => lines.length * LINE + 8)))
  const height = rows.length * rowHeight + AXIS
  const marks = rows.map((row, index) => ({ ...row, row: index }))
  const values = rows
    .flatMap(({ ours, published, low, high }) => [ours, published, low, high])
    .filter((value) => isNumber(value))
  const [least, most] = values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)]
  // Room on both sides, so that no dot lies on the frame; a single value still needs an axis.
  const room = 0.06 * (most - least) || 0.1 * Math.abs(most) || 1
  const plot = plotGroup({
    width: WIDTH,
    height,
    marginTop: 4,
    marginLeft: left,
    marginRight: 14,
    marginBottom: AXIS - 4,
    x: {
      label: x,
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 46,
      domain: [least - room, most + room],
      ticks: 6,
    },
    y: { type: 'band', domain: marks.map(({ row }) => row), axis: null, padding: 0 },
    marks: [
      Plot.gridX({ ticks: 6, strokeOpacity: 0.14 }),
      Plot.ruleY(marks, { y: 'row', stroke: FAINT, strokeOpacity: 0.4, strokeDasharray: '1 4' }),
      Plot.ruleY(
        marks.filter(({ low, high }) => isNumber(low) && isNumber(high)),
        { y: 'row', x1: 'low', x2: 'high', stroke: OURS, strokeWidth: 3, strokeOpacity: 0.55 },
      ),
      Plot.dot(
        marks.filter(({ ours }) => isNumber(ours)),
        { x: 'ours', y: 'row', r: 6, fill: OURS },
      ),
      // After ours: where both agree, the open mark leaves the full one visible.
      Plot.dot(
        marks.filter(({ published }) => isNumber(published)),
        { x: 'published', y: 'row', r: 6, symbol: 'diamond2', stroke: PUBLISHED, strokeWidth: 2.4 },
      ),
      Plot.frame({ strokeOpacity: 0.35 }),
    ],
  })
  const labels = names.flatMap((lines, index) =>
    lines.map((line, place) => {
      const middle = 4 + (index + 0.5) * rowHeight + (place - (lines.length - 1) / 2) * LINE
      return text(left - 10, middle + 5, line, { size: SIZES.number, anchor: 'end' })
    }),
  )
  const key = legend(entries(rows))
  const legendGroup = `<g transform="translate(0 ${height + 4})">${key.svg}</g>`
  return figureSvg(title, height + 4 + key.height, plot + labels.join('') + legendGroup)
}

function entries(rows: readonly ComparisonRow[]): LegendEntry[] {
  const intervals = rows.some(({ low, high }) => isNumber(low) && isNumber(high))
  return [
    { name: intervals ? 'ours, with its interval' : 'ours', color: OURS, mark: 'dot' },
    ...(rows.some(({ published }) => isNumber(published))
      ? [{ name: 'published', color: PUBLISHED, mark: 'diamond' } as const]
      : []),
  ]
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value)
}
