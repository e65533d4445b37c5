import { escapeHtml } from '../html.ts'
import { area, round, text, textWidth } from './svg.ts'

/** A name, and what stands before it in a legend. */
export interface LegendEntry {
  readonly name: string
  readonly color: string
  readonly mark: 'area' | 'frame' | 'solid' | 'dashed' | 'dot' | 'diamond'
}

/** A legend as a list for a page, which wraps on narrow screens; it has areas and dashed lines. */
export function legendHtml(
  entries: readonly (Pick<LegendEntry, 'name' | 'color'> & { readonly mark: 'area' | 'dashed' })[],
): string {
  const items = entries.map(({ name, color, mark }) => {
    const swatch =
      mark === 'dashed'
        ? '<span class="swatch line"></span>'
        : `<span class="swatch" style="background:${color}"></span>`
    return `<li>${swatch}${escapeHtml(name)}</li>`
  })
  return `<ul class="legend">${items.join('')}</ul>`
}

const MARK = 28
const GAP = 22

/** A legend inside a drawing, in as many rows as the names need within `width`, and its height. It starts at 0, 0. */
export function legendSvg(
  entries: readonly LegendEntry[],
  { width, size }: { readonly width: number; readonly size: number },
): { readonly svg: string; readonly height: number } {
  const line = 1.5 * size
  let [x, row] = [0, 0]
  const items = entries.map((entry) => {
    const needed = MARK + 8 + textWidth(entry.name, size)
    if (x > 0 && x + needed > width) {
      x = 0
      row++
    }
    const middle = line * (row + 0.5)
    const item = mark(entry, x, middle) + text(x + MARK + 8, middle + 0.36 * size, entry.name, { size })
    x += needed + GAP
    return item
  })
  return { svg: items.join(''), height: line * (row + 1) }
}

function mark({ mark: kind, color }: LegendEntry, x: number, middle: number): string {
  const center = `cx="${round(x + MARK / 2)}" cy="${round(middle)}"`
  switch (kind) {
    case 'area':
      return area({ x: x + 4, y: middle - 8, width: MARK - 8, height: 16 }, color)
    case 'frame':
      return `<rect x="${round(x + 6)}" y="${round(middle - 8)}" width="16" height="16" fill="none" stroke="${color}" stroke-width="3"/>`
    case 'dot':
      return `<circle ${center} r="5.5" fill="${color}"/>`
    case 'diamond': {
      const [cx, cy] = [round(x + MARK / 2), round(middle)]
      return `<path d="M${cx},${cy - 7}l7,7l-7,7l-7,-7Z" fill="none" stroke="${color}" stroke-width="2.2"/>`
    }
    default: {
      const dashes = kind === 'dashed' ? ' stroke-dasharray="6 4"' : ''
      return `<path d="M${round(x)},${round(middle)}h${MARK}" fill="none" stroke="${color}" stroke-width="2.4"${dashes}/>`
    }
  }
}
