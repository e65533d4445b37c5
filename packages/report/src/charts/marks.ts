import type { Scale } from './scale.ts'
import { round } from './svg.ts'

/** A point of a curve or the middle of a histogram's bin, in the values of the axes. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** The two axes that marks are drawn in. */
export interface Axes {
  readonly x: Scale
  readonly y: Scale
}

/** How a curve goes from point to point: straight, or smoothly without rising above or falling below its points. */
export type CurveShape = 'straight' | 'smooth'

/** Path data of a curve through points. A point with a value that is no number leaves a gap in a straight one. */
export function curvePath(points: readonly Point[], axes: Axes, shape: CurveShape): string {
  return shape === 'smooth'
    ? smoothPath(points.map((point) => place(point, axes)))
    : straightRuns(points)
        .map((run) => `M${run.map((point) => place(point, axes).map((one) => round(one))).join('L')}`)
        .join('')
}

/** Path data of the area between a curve and zero. */
export function areaPath(points: readonly Point[], axes: Axes, shape: CurveShape): string {
  const runs = shape === 'smooth' ? (points.length === 0 ? [] : [points]) : straightRuns(points)
  const ground = round(axes.y.at(0))
  return runs
    .map((run) => {
      const [first, last] = [run[0]!, run.at(-1)!].map(({ x }) => round(axes.x.at(x)))
      const top = curvePath(run, axes, shape).slice(1)
      return `M${first},${ground}L${top}L${last},${ground}Z`
    })
    .join('')
}

function place({ x, y }: Point, axes: Axes): readonly [number, number] {
  return [axes.x.at(x), axes.y.at(y)]
}

/** The stretches of points that are numbers. */
function straightRuns(points: readonly Point[]): Point[][] {
  const runs: Point[][] = []
  let open: Point[] | undefined
  for (const point of points) {
    if (!Number.isFinite(point.x) || !Number.isFinite(point.y)) {
      open = undefined
    } else if (open === undefined) {
      open = [point]
      runs.push(open)
    } else {
      open.push(point)
    }
  }
  return runs
}

/**
 * Cubic pieces through positions with rising x, monotone between neighbours (M. Steffen, "A simple method for monotonic
 * interpolation in one dimension", 1990). A tenth of a unit is finer than any screen, and these curves are most of a
 * page's text.
 */
function smoothPath(positions: readonly (readonly [x: number, y: number])[]): string {
  const short = (value: number) => round(value, 1)
  const [start] = positions
  if (start === undefined) return ''
  const slopes = monotoneSlopes(positions)
  const pieces = positions.slice(1).map(([x, y], index) => {
    const [before, above] = positions[index]!
    const third = (x - before) / 3
    const controls = [
      before + third,
      above + third * slopes[index]!,
      x - third,
      y - third * slopes[index + 1]!,
    ]
    return `C${[...controls, x, y].map(short).join(',')}`
  })
  return `M${short(start[0])},${short(start[1])}${pieces.join('')}`
}

function monotoneSlopes(positions: readonly (readonly [x: number, y: number])[]): number[] {
  const widths = positions.slice(1).map(([x], index) => x - positions[index]![0])
  const rises = positions.slice(1).map(([, y], index) => (y - positions[index]![1]) / widths[index]!)
  const inner = rises.slice(1).map((after, index) => {
    const before = rises[index]!
    if (before * after <= 0) return 0
    const [left, right] = [widths[index]!, widths[index + 1]!]
    const mean = (before * right + after * left) / (left + right)
    const most = 2 * Math.min(Math.abs(before), Math.abs(after))
    return Math.sign(mean) * Math.min(most, Math.abs(mean))
  })
  // At the ends the slope that makes the piece a parabola.
  const end = (rise: number, neighbour: number | undefined) => (3 * rise - (neighbour ?? rise)) / 2
  if (rises.length === 0) return [0]
  return [end(rises[0]!, inner[0]), ...inner, end(rises.at(-1)!, inner.at(-1))]
}
