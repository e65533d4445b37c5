import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

/** One curve: its name, colour (any CSS colour) and points. */
export interface Curve {
  readonly name: string
  readonly color: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

/** Colours that the page defines for light and dark; see page.ts. */
export const TISSUE_COLORS = { CSF: 'var(--csf)', GM: 'var(--gm)', WM: 'var(--wm)' } as const

const SITE_COLOR_COUNT = 6

/** The colour of a site by its number; it repeats after six. */
export function siteColor(index: number): string {
  return `var(--site${(index % SITE_COLOR_COUNT) + 1})`
}

/** How a chart of curves is labelled. */
export interface CurveChartOptions {
  readonly x: string
  readonly y: string
  /** Fixed lower and upper end of the vertical axis; by default what the data needs. */
  readonly range?: readonly [number, number]
  /** First and last value of the horizontal axis, so that charts below each other can be compared. */
  readonly span?: readonly [number, number]
  /** Height of a dashed horizontal line, for example chance level. */
  readonly reference?: number
}

/** Curves over a common horizontal axis as SVG text. */
export function curveChart(curves: readonly Curve[], options: CurveChartOptions): string {
  const rows = curves.flatMap(({ name, points }) => points.map((point) => ({ ...point, name })))
  const { reference } = options
  return svg({
    height: 240,
    x: {
      label: options.x,
      grid: false,
      tickFormat: (value: number) => compact(value),
      ...(options.span ? { domain: [...options.span] } : {}),
    },
    y: { label: options.y, grid: true, nice: true, ...(options.range ? { domain: [...options.range] } : {}) },
    color: { domain: curves.map(({ name }) => name), range: curves.map(({ color }) => color) },
    marks: [
      ...(reference === undefined
        ? []
        : [
            Plot.ruleY([reference], {
              stroke: 'currentColor',
              strokeDasharray: '4 4',
              strokeOpacity: 0.6,
            }),
          ]),
      Plot.lineY(rows, {
        x: 'x',
        y: 'y',
        z: 'name',
        stroke: 'name',
        strokeWidth: 1.8,
        strokeLinejoin: 'round',
      }),
      // A curve of one point would be invisible as a line.
      Plot.dot(
        rows.filter(({ name }) => rows.filter((row) => row.name === name).length === 1),
        { x: 'x', y: 'y', fill: 'name', r: 3 },
      ),
    ],
  })
}

/** Densities over a common intensity axis, filled under the curve, as SVG text; `top` is the end of the vertical axis. */
export function densityChart(curves: readonly Curve[], x: string, top?: number): string {
  const rows = curves.flatMap(({ name, points }) => points.map((point) => ({ ...point, name })))
  const text = svg({
    height: 170,
    marginLeft: 12,
    x: { label: x, grid: false },
    y: { axis: null, ...(top === undefined ? {} : { domain: [0, top] }) },
    color: { domain: curves.map(({ name }) => name), range: curves.map(({ color }) => color) },
    marks: [
      // With a single `y`, Plot would stack the areas on each other.
      Plot.areaY(rows, {
        x: 'x',
        y1: 0,
        y2: 'y',
        z: 'name',
        fill: 'name',
        fillOpacity: 0.18,
        curve: 'monotone-x',
      }),
      Plot.lineY(rows, { x: 'x', y: 'y', z: 'name', stroke: 'name', strokeWidth: 1.8, curve: 'monotone-x' }),
      Plot.ruleY([0], { stroke: 'currentColor', strokeOpacity: 0.4 }),
    ],
  })
  // A tenth of a pixel is finer than any screen, and the curves are most of a page's text.
  return text.replace(/ d="[^"]+"/g, (path) =>
    path.replace(/\d+\.\d+/g, (number) => String(Number(Number(number).toFixed(1)))),
  )
}

/**
 * Two density charts as one whose curves can move from the first to the second: their paths carry both forms, as the
 * custom properties `--from` and `--to`. Curves must have the same names and numbers of points.
 */
export function slidingDensityChart(before: readonly Curve[], after: readonly Curve[], x: string): string {
  const top = highest([...before, ...after])
  const [first, second] = [before, after].map((curves) => {
    const { document } = parseHTML(densityChart(curves, x, top))
    return document.querySelector('svg')!
  })
  const curvesOf = (figure: Element) => [
    ...figure.querySelectorAll('[aria-label="area"] path, [aria-label="line"] path'),
  ]
  const targets = curvesOf(second!)
  for (const [index, path] of curvesOf(first!).entries()) {
    const form = (element: Element) => `path("${element.getAttribute('d')}")`
    path.setAttribute('style', `--from:${form(path)};--to:${form(targets[index]!)}`)
  }
  return first!.outerHTML
}

/** The highest point of all curves. */
export function highest(curves: readonly Curve[]): number {
  return curves.reduce((most, { points }) => points.reduce((top, { y }) => Math.max(top, y), most), 0)
}

/** A matrix of fractions with its numbers, rows actual and columns predicted, as SVG text. */
export function matrixChart(names: readonly string[], rows: readonly (readonly number[])[]): string {
  const cells = rows.flatMap((row, actual) =>
    row.map((value, predicted) => ({ actual: names[actual], predicted: names[predicted], value })),
  )
  const largest = Math.max(...cells.map(({ value }) => value), 1e-9)
  return svg({
    width: 420,
    height: 60 + 46 * names.length,
    marginLeft: 110,
    marginTop: 40,
    marginBottom: 10,
    x: { domain: [...names], label: 'predicted', axis: 'top', tickSize: 0 },
    y: { domain: [...names], label: 'actual', tickSize: 0 },
    marks: [
      Plot.cell(cells, {
        x: 'predicted',
        y: 'actual',
        fill: 'var(--accent)',
        fillOpacity: (cell: { value: number }) => 0.06 + 0.4 * (cell.value / largest),
        inset: 1.5,
        rx: 4,
      }),
      Plot.text(cells, {
        x: 'predicted',
        y: 'actual',
        text: (cell: { value: number }) => cell.value.toFixed(3),
        fill: 'currentColor',
        fontSize: 13,
      }),
    ],
  })
}

/** A legend of the same colours as HTML, which wraps on narrow screens; `line` names the dashed line of the chart. */
export function legend(
  entries: readonly { readonly name: string; readonly color: string }[],
  line?: string,
): string {
  const items = entries.map(
    ({ name, color }) =>
      `<li><span class="swatch" style="background:${color}"></span>${escapeHtml(name)}</li>`,
  )
  if (line !== undefined) items.push(`<li><span class="swatch line"></span>${escapeHtml(line)}</li>`)
  return `<ul class="legend">${items.join('')}</ul>`
}

/** Text made safe for HTML content and attribute values. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return text.replace(/[&<>"']/g, (character) => entities[character]!)
}

function svg(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<html><body></body></html>')
  const width = options.width ?? 480
  const figure = Plot.plot({
    width,
    marginTop: 26,
    marginLeft: 44,
    marginRight: 16,
    marginBottom: 36,
    style: {
      background: 'none',
      color: 'inherit',
      fontSize: '12px',
      fontFamily: 'inherit',
      overflow: 'visible',
      // Enlarging a chart much further would make its lettering larger than the page's.
      maxWidth: `${Math.round(1.25 * width)}px`,
    },
    ...options,
    document: document as unknown as Document,
  })
  // The page styles charts itself; Plot's own sheet fixes a white background and repeats for every chart.
  for (const style of figure.querySelectorAll('style')) style.remove()
  figure.setAttribute('role', 'img')
  figure.setAttribute('class', 'chart')
  return figure.outerHTML
}

function compact(value: number): string {
  return Math.abs(value) >= 10_000 ? `${value / 1000}k` : String(value)
}
