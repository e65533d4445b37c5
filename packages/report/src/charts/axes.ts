import { compactNumber, type Scale, ticks } from './scale.ts'
import { round, text } from './svg.ts'

/** What stands along an axis. */
export interface AxisOptions {
  readonly label: string
  /** `end` sets the label small at the far end with an arrow, `middle` along the axis. */
  readonly labelAt: 'end' | 'middle'
  /** Distance of a label in the middle from the axis, in user units. */
  readonly labelOffset?: number
  /** About how many numbers. */
  readonly count: number
  readonly format?: (value: number) => string
  /** Size of the numbers, and of the label. */
  readonly sizes: readonly [number: number, label: number]
}

const TICK = 6

/** The numbers of a horizontal axis at height `y`, below the plot. */
export function xAxis(scale: Scale, y: number, options: AxisOptions): string {
  const { label, labelAt, labelOffset = 0, count, format = compactNumber, sizes } = options
  const [from, to] = scale.range
  const marks = ticks(scale.domain, count).map((value) => {
    const at = scale.at(value)
    const number = text(at, y + TICK + 3 + 0.71 * sizes[0], format(value), {
      size: sizes[0],
      anchor: 'middle',
    })
    return tickLine(at, y, at, y + TICK) + number
  })
  const name =
    labelAt === 'middle'
      ? text((from + to) / 2, y + labelOffset, label, { size: sizes[1], anchor: 'middle' })
      : text(to, y + TICK + 2 + 2 * sizes[0], `${label} →`, { size: sizes[1], anchor: 'end' })
  return marks.join('') + name
}

/** The numbers of a vertical axis at `x`, left of the plot. */
export function yAxis(scale: Scale, x: number, options: AxisOptions): string {
  const { label, labelAt, labelOffset = 0, count, format = compactNumber, sizes } = options
  const [from, to] = scale.range
  const marks = ticks(scale.domain, count).map((value) => {
    const at = scale.at(value)
    const number = text(x - TICK - 3, at + 0.35 * sizes[0], format(value), { size: sizes[0], anchor: 'end' })
    return tickLine(x - TICK, at, x, at) + number
  })
  const name =
    labelAt === 'middle'
      ? text(x - labelOffset, (from + to) / 2, label, { size: sizes[1], anchor: 'middle', rotate: -90 })
      : text(0, to - sizes[1], `↑ ${label}`, { size: sizes[1], anchor: 'start' })
  return marks.join('') + name
}

/** Lines across a plot at the numbers of one of its axes. */
export function gridLines(
  direction: 'horizontal' | 'vertical',
  { x, y }: { readonly x: Scale; readonly y: Scale },
  count: number,
  opacity: number,
): string {
  const scale = direction === 'horizontal' ? y : x
  const lines = ticks(scale.domain, count).map((value) => {
    const at = scale.at(value)
    return direction === 'horizontal'
      ? tickLine(x.range[0], at, x.range[1], at)
      : tickLine(at, y.range[0], at, y.range[1])
  })
  return `<g stroke-opacity="${opacity}">${lines.join('')}</g>`
}

function tickLine(x1: number, y1: number, x2: number, y2: number): string {
  return `<line stroke="currentColor" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
}
