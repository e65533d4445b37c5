import {
  area,
  type Box,
  compactNumber,
  escapeHtml,
  type LegendEntry,
  legendSvg,
  outline,
  text,
  wrap,
} from '@voxnorm/report'
import { type ColorScale, cssColorAt, INK } from './colors.ts'

/** Width of every figure in user units. On a page of 360 px lettering has half the size given here. */
export const WIDTH = 720
/** Sizes of lettering: the figure's title, the titles of panels, names of axes and legends, and numbers. */
export const SIZES = { title: 20, caption: 17, label: 16, number: 15 } as const

// Arimo comes with the program and has the widths of Arial and Liberation Sans: pictures and pages break alike.
const FONTS = 'Arimo, Arial, Helvetica, sans-serif'
const MARGIN = 12

/**
 * A standalone SVG text on white paper, with the title above a body of `height`.
 *
 * The body's own coordinates start below the title and span WIDTH; x from 0 to WIDTH is inside the margin.
 */
export function figureSvg(title: string, height: number, body: string): string {
  const lines = wrap(title, WIDTH, SIZES.title)
  const top = MARGIN + lines.length * SIZES.title * 1.25 + 10
  const [width, full] = [WIDTH + 2 * MARGIN, Math.ceil(top + height + MARGIN)]
  const heading = lines.map((line, index) =>
    text(MARGIN, MARGIN + SIZES.title * (0.9 + 1.25 * index), line, { size: SIZES.title, weight: 'bold' }),
  )
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="${width}" height="${full}" ` +
    `viewBox="0 0 ${width} ${full}" font-family="${FONTS}" color="${INK}" fill="${INK}">` +
    `<title>${escapeHtml(title)}</title><rect width="${width}" height="${full}" fill="#ffffff"/>` +
    `${heading.join('')}<g transform="translate(${MARGIN} ${top})">${body}</g></svg>\n`
  )
}

/** A legend over the whole width of a figure, and its height. */
export const legend = (entries: readonly LegendEntry[]) =>
  legendSvg(entries, { width: WIDTH, size: SIZES.label })

/** The grey levels 0 to 255 of intensities within a window; values outside are clamped, an empty window is black. */
export function greyLevels(pixels: Float32Array, [low, high]: readonly [number, number]): Uint8Array {
  const scale = high > low ? 255 / (high - low) : 0
  return Uint8Array.from(pixels, (value) => Math.round(Math.min(255, Math.max(0, (value - low) * scale))))
}

/** A horizontal colour scale with the values at its ends and in the middle, and its name below. */
export function colorBar(
  box: Box,
  scale: ColorScale,
  [low, high]: readonly [number, number],
  name: string,
): string {
  const steps = 64
  const cells = Array.from({ length: steps }, (_, step) =>
    // Cells overlap a little: edges that only touch would let the paper shine through.
    area(
      {
        ...box,
        x: box.x + (step / steps) * box.width,
        width: ((step < steps - 1 ? 1.5 : 1) * box.width) / steps,
      },
      cssColorAt(scale, step / (steps - 1)),
    ),
  )
  const ticks = (['start', 'middle', 'end'] as const).map((anchor, index) =>
    text(
      box.x + (index / 2) * box.width,
      box.y + box.height + SIZES.number + 2,
      compactNumber(low + (index / 2) * (high - low)),
      {
        size: SIZES.number,
        anchor,
      },
    ),
  )
  const label = text(box.x + box.width / 2, box.y + box.height + SIZES.number + SIZES.label + 6, name, {
    size: SIZES.label,
    anchor: 'middle',
  })
  return cells.join('') + outline(box, INK, 0.75) + ticks.join('') + label
}
