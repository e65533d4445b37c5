import { gridLines, xAxis, yAxis } from './axes.ts'
import { type Axes, areaPath, type CurveShape, curvePath, type Point } from './marks.ts'
import { compactNumber, type Domain, extent, linearScale, niceDomain } from './scale.ts'
import { area, round, text } from './svg.ts'

/** One curve: its name, colour (any CSS colour) and points. */
export interface Curve {
  readonly name: string
  readonly color: string
  readonly points: readonly Point[]
}

/** How a chart of curves is labelled. */
export interface CurveChartOptions {
  readonly x: string
  readonly y: string
  /** Fixed lower and upper end of the vertical axis; by default what the data needs. */
  readonly range?: Domain
  /** First and last value of the horizontal axis, so that charts below each other can be compared. */
  readonly span?: Domain
  /** Height of a dashed horizontal line, for example chance level. */
  readonly reference?: number
}

const WIDTH = 480
const SIZE = 12
const MARGIN = { top: 26, right: 16, bottom: 36, left: 44 }
const CURVE_WIDTH = 1.8

/** Curves over a common horizontal axis as SVG text. */
export function curveChart(curves: readonly Curve[], options: CurveChartOptions): string {
  const height = 240
  const [across, up] = [6, 5]
  const points = curves.flatMap((curve) => curve.points)
  const values = extent(points.map(({ y }) => y))
  const axes: Axes = {
    x: linearScale(options.span ?? extent(points.map(({ x }) => x)), [MARGIN.left, WIDTH - MARGIN.right]),
    y: linearScale(niceDomain(options.range ?? values, up), [height - MARGIN.bottom, MARGIN.top]),
  }
  const { reference } = options
  const level = reference === undefined ? '' : referenceLine(axes, reference)
  const lines = curves.map(({ points, color }) =>
    // A curve of one point would be invisible as a line.
    points.length === 1
      ? `<circle cx="${round(axes.x.at(points[0]!.x))}" cy="${round(axes.y.at(points[0]!.y))}" r="3" fill="${color}"/>`
      : curveLine(curvePath(points, axes, 'straight'), color),
  )
  const numbers = { labelAt: 'end', sizes: [SIZE, SIZE] } as const
  return chart(WIDTH, height, [
    gridLines('horizontal', axes, up, 0.1),
    xAxis(axes.x, height - MARGIN.bottom, { ...numbers, label: options.x, count: across, format: thousands }),
    yAxis(axes.y, MARGIN.left, { ...numbers, label: options.y, count: up }),
    level,
    ...lines,
  ])
}

/** Densities over a common intensity axis, filled under the curve, as SVG text; `top` is the end of the vertical axis. */
export function densityChart(curves: readonly Curve[], x: string, top = highest(curves)): string {
  const axes = densityAxes(curves, top)
  return drawDensities(curves, axes, x, (curve, path) => ` d="${path(curve.points)}"`)
}

/**
 * Two density charts as one whose curves can move from the first to the second: their paths carry both forms, as the
 * custom properties `--from` and `--to`. Curves must have the same names and numbers of points.
 */
export function slidingDensityChart(before: readonly Curve[], after: readonly Curve[], x: string): string {
  const top = highest([...before, ...after])
  const [from, to] = [densityAxes(before, top), densityAxes(after, top)]
  return drawDensities(before, from, x, (curve, path, index) => {
    const [first, second] = [path(curve.points), path(after[index]!.points, to)]
    return ` d="${first}" style='--from:path("${first}");--to:path("${second}")'`
  })
}

/** The highest point of all curves. */
export function highest(curves: readonly Curve[]): number {
  return curves.reduce((most, { points }) => points.reduce((top, { y }) => Math.max(top, y), most), 0)
}

/** A matrix of fractions with its numbers, rows actual and columns predicted, as SVG text. */
export function matrixChart(names: readonly string[], rows: readonly (readonly number[])[]): string {
  const [width, left, top, right, cellHeight] = [420, 110, 40, 16, 46]
  const cellWidth = (width - left - right) / names.length
  const largest = Math.max(...rows.flat(), 1e-9)
  const label = { size: SIZE }
  const heads = names.map((name, column) =>
    text(left + (column + 0.5) * cellWidth, top - 6, name, { ...label, anchor: 'middle' }),
  )
  const sides = names.map((name, row) =>
    text(left - 6, top + (row + 0.5) * cellHeight + 4, name, { ...label, anchor: 'end' }),
  )
  const cells = rows.flatMap((row, actual) =>
    row.map((value, predicted) => {
      const box = {
        x: left + predicted * cellWidth + 1.5,
        y: top + actual * cellHeight + 1.5,
        width: cellWidth - 3,
        height: cellHeight - 3,
      }
      const number = text(box.x + box.width / 2, box.y + box.height / 2 + 4.5, value.toFixed(3), {
        size: 13,
        anchor: 'middle',
      })
      return area(box, 'var(--accent)', round(0.06 + 0.4 * (value / largest), 3)) + number
    }),
  )
  return chart(width, top + cellHeight * names.length + 10, [
    text(left + (names.length * cellWidth) / 2, 14, 'predicted', { ...label, anchor: 'middle' }),
    text(0, top - 6, 'actual', label),
    ...heads,
    ...sides,
    ...cells,
  ])
}

const DENSITY_HEIGHT = 170
const DENSITY_LEFT = 12

function densityAxes(curves: readonly Curve[], top: number): Axes {
  const values = curves.flatMap(({ points }) => points.map(({ x }) => x))
  return {
    x: linearScale(extent(values), [DENSITY_LEFT, WIDTH - MARGIN.right]),
    y: linearScale([0, top > 0 ? top : 1], [DENSITY_HEIGHT - MARGIN.bottom, MARGIN.top]),
  }
}

/** The drawing; `form` gives the attributes of a path from the function that makes its data. */
function drawDensities(
  curves: readonly Curve[],
  axes: Axes,
  x: string,
  form: (curve: Curve, path: (points: readonly Point[], within?: Axes) => string, index: number) => string,
): string {
  const pathBy =
    (make: (points: readonly Point[], axes: Axes, shape: CurveShape) => string) =>
    (points: readonly Point[], within = axes) =>
      make(points, within, 'smooth')
  const areas = curves.map(
    (curve, index) =>
      `<path${form(curve, pathBy(areaPath), index)} fill="${curve.color}" fill-opacity=".18"/>`,
  )
  const lines = curves.map(
    (curve, index) => `<path${form(curve, pathBy(curvePath), index)} ${stroke(curve.color)}/>`,
  )
  const ground = DENSITY_HEIGHT - MARGIN.bottom
  return chart(WIDTH, DENSITY_HEIGHT, [
    xAxis(axes.x, ground, { label: x, labelAt: 'end', count: 6, sizes: [SIZE, SIZE] }),
    ...areas,
    ...lines,
    `<line stroke="currentColor" stroke-opacity=".4" x1="${DENSITY_LEFT}" x2="${WIDTH - MARGIN.right}" y1="${ground}" y2="${ground}"/>`,
  ])
}

function curveLine(path: string, color: string): string {
  return `<path d="${path}" ${stroke(color)}/>`
}

function stroke(color: string): string {
  return `stroke="${color}" fill="none" stroke-width="${CURVE_WIDTH}" stroke-linejoin="round"`
}

function referenceLine({ x, y }: Axes, level: number): string {
  const at = round(y.at(level))
  return `<line stroke="currentColor" stroke-dasharray="4 4" stroke-opacity=".6" x1="${x.range[0]}" x2="${x.range[1]}" y1="${at}" y2="${at}"/>`
}

/** A drawing that takes colours and lettering from the page around it. */
function chart(width: number, height: number, parts: readonly string[]): string {
  // Enlarging a chart much further would make its lettering larger than the page's.
  const most = Math.round(1.25 * width)
  return (
    `<svg class="chart" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `fill="currentColor" style="overflow:visible;max-width:${most}px">${parts.join('')}</svg>`
  )
}

function thousands(value: number): string {
  return Math.abs(value) >= 10_000 ? `${value / 1000}k` : compactNumber(value)
}
