import {
  type Axes,
  gridLines,
  type LegendEntry,
  linearScale,
  round,
  text,
  textWidth,
  wrap,
  xAxis,
} from '@voxnorm/report'
import { categoricalColor, FAINT } from './colors.ts'
import { figureSvg, legend, SIZES, WIDTH } from './frame.ts'
import { plotFrame } from './panel.ts'

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
const TOP = 4
const LINE = SIZES.number * 1.1
const OURS = categoricalColor(0)
const PUBLISHED = categoricalColor(5)

/** Our numbers with their intervals and the published ones beside them, one row each, as dots on a common axis. */
export function comparisonChart({ title, rows, x }: ComparisonOptions): string {
  const left = Math.min(280, Math.max(...rows.map(({ name }) => textWidth(name, SIZES.number)))) + 12
  const names = rows.map(({ name }) => wrap(name, left - 12, SIZES.number))
  const rowHeight = Math.ceil(Math.max(ROW, ...names.map((lines) => lines.length * LINE + 8)))
  const bottom = TOP + rows.length * rowHeight
  const height = rows.length * rowHeight + AXIS
  const values = rows
    .flatMap(({ ours, published, low, high }) => [ours, published, low, high])
    .filter((value) => isNumber(value))
  const [least, most] = values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)]
  // Room on both sides, so that no dot lies on the frame; a single value still needs an axis.
  const room = 0.06 * (most - least) || 0.1 * Math.abs(most) || 1
  const axes: Axes = {
    x: linearScale([least - room, most + room], [left, WIDTH - 14]),
    y: linearScale([0, rows.length], [TOP, bottom]),
  }
  const plot = [
    gridLines('vertical', axes, 6, 0.14),
    xAxis(axes.x, bottom, {
      label: x,
      labelAt: 'middle',
      labelOffset: 46,
      count: 6,
      sizes: [SIZES.number, SIZES.label],
    }),
    ...rows.map((row, index) => dots(row, axes, axes.y.at(index + 0.5))),
    plotFrame({ x: axes.x, y: linearScale([0, 1], [bottom, TOP]) }),
  ]
  const labels = names.flatMap((lines, index) =>
    lines.map((line, place) => {
      const middle = axes.y.at(index + 0.5) + (place - (lines.length - 1) / 2) * LINE
      return text(left - 10, middle + 5, line, { size: SIZES.number, anchor: 'end' })
    }),
  )
  const key = legend(entries(rows))
  const legendGroup = `<g transform="translate(0 ${height + 4})">${key.svg}</g>`
  return figureSvg(
    title,
    height + 4 + key.height,
    `<g class="panel">${plot.join('')}</g>${labels.join('')}${legendGroup}`,
  )
}

/** What a row shows at its height: the interval, our number, and the published one. */
function dots({ ours, published, low, high }: ComparisonRow, { x }: Axes, y: number): string {
  // Finer than any screen, and the same on every machine.
  const at = (value: number) => round(x.at(value), 4)
  const line = (from: number, to: number) => `<line x1="${from}" x2="${to}" y1="${y}" y2="${y}"/>`
  const [left, right] = x.range
  const guide = `<g stroke="${FAINT}" stroke-opacity="0.4" stroke-dasharray="1 4">${line(left, right)}</g>`
  const interval =
    isNumber(low) && isNumber(high)
      ? `<g stroke="${OURS}" stroke-width="3" stroke-opacity="0.55">${line(at(low), at(high))}</g>`
      : ''
  const dot = isNumber(ours) ? `<circle cx="${at(ours)}" cy="${y}" r="6" fill="${OURS}"/>` : ''
  // After ours: where both agree, the open mark leaves the full one visible.
  const mark = isNumber(published)
    ? `<g fill="none" stroke="${PUBLISHED}" stroke-width="2.4"><path transform="translate(${at(published)},${y})" d="M0,-7.5L7.5,0L0,7.5L-7.5,0Z"/></g>`
    : ''
  return guide + interval + dot + mark
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
