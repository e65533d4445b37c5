import { escapeHtml, pngUri } from '@voxnorm/report'
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

export interface TextStyle {
  readonly size: number
  /** Which point of the text lies at x; its start unless told otherwise. */
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly weight?: 'bold'
  readonly fill?: string
  /** Degrees, clockwise. */
  readonly rotate?: number
}

/** One line of text; y is its baseline. */
export function text(x: number, y: number, content: string, style: TextStyle): string {
  const attributes = [
    `x="${round(x)}" y="${round(y)}" font-size="${style.size}"`,
    ...(style.anchor === undefined ? [] : [`text-anchor="${style.anchor}"`]),
    ...(style.weight === undefined ? [] : [`font-weight="${style.weight}"`]),
    ...(style.fill === undefined ? [] : [`fill="${style.fill}"`]),
    ...(style.rotate === undefined ? [] : [`transform="rotate(${style.rotate} ${round(x)} ${round(y)})"`]),
  ]
  return `<text ${attributes.join(' ')}>${escapeHtml(content)}</text>`
}

/** About the width of a text, for layout: classes of Arial's widths, on the wide side as bold is. Nothing here measures. */
export function textWidth(content: string, size: number): number {
  let width = 0
  for (const character of content) {
    if (/[ijltfrI.,:;'|()[\] -]/.test(character)) width += 0.32
    else if (/[mwMW@%]/.test(character)) width += 0.88
    else width += /\p{Lu}/u.test(character) ? 0.72 : 0.58
  }
  return size * width
}

/** The words of a text in lines no wider than `width`; a longer word has a line of its own. "λ = 1.5" is one word. */
export function wrap(content: string, width: number, size: number): string[] {
  const lines: string[] = []
  for (const word of content.split(/(?<! =) (?!= )/)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A PNG stretched over a box; `pixelated` shows its pixels as squares, which patches and label maps consist of. */
export function image(png: Uint8Array, box: Box, scaling: 'smooth' | 'pixelated'): string {
  const style = scaling === 'pixelated' ? ` ${PIXELATED}` : ''
  return `<image ${position(box)} preserveAspectRatio="none"${style} href="${pngUri(png)}"/>`
}

/** How images ask browsers for pixels as squares; see png.ts for what else reads it. */
export const PIXELATED = 'style="image-rendering:pixelated"'

/** The border of a box. */
export function outline(box: Box, color: string, width: number): string {
  return `<rect ${position(box)} fill="none" stroke="${color}" stroke-width="${width}"/>`
}

/** An area in one colour. */
export function area(box: Box, color: string, opacity = 1): string {
  return `<rect ${position(box)} fill="${color}"${opacity === 1 ? '' : ` fill-opacity="${opacity}"`}/>`
}

/** Two decimals are finer than any screen and keep the text short and equal on every machine. */
export function round(value: number): number {
  return Math.round(100 * value) / 100
}

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

/** Up to three digits, without zeros at the end. */
export function compactNumber(value: number): string {
  return String(Number(value.toPrecision(3))).replace('-', '−')
}

function position({ x, y, width, height }: Box): string {
  return `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`
}
