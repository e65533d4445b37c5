import { escapeHtml } from '../html.ts'
import { pngUri } from '../png.ts'

/** How one line of text is set. */
export interface TextStyle {
  /** Size of the lettering in user units. */
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

/** A rectangle in user units; x and y are its left upper corner. */
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

/** How images ask browsers for pixels as squares; a renderer of SVG 1.1 needs another word in its place. */
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
export function round(value: number, decimals = 2): number {
  const unit = 10 ** decimals
  return Math.round(unit * value) / unit
}

function position({ x, y, width, height }: Box): string {
  return `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`
}
