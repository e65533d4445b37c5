import { area, round, SIZES, text, textWidth, WIDTH } from './frame.ts'

/** What stands before a name in a legend. */
export interface LegendEntry {
  readonly name: string
  readonly color: string
  readonly mark: 'area' | 'frame' | 'solid' | 'dashed' | 'dot' | 'diamond'
}

const MARK = 28
const GAP = 22
const LINE = SIZES.label * 1.5

/** A legend in as many rows as the names need, and its height; its own coordinates start at 0, 0 and span WIDTH. */
export function legend(entries: readonly LegendEntry[]): { readonly svg: string; readonly height: number } {
  let [x, row] = [0, 0]
  const items = entries.map((entry) => {
    const width = MARK + 8 + textWidth(entry.name, SIZES.label)
    if (x > 0 && x + width > WIDTH) {
      x = 0
      row++
    }
    const middle = LINE * (row + 0.5)
    const item = mark(entry, x, middle) + text(x + MARK + 8, middle + 0.36 * SIZES.label, entry.name, STYLE)
    x += width + GAP
    return item
  })
  return { svg: items.join(''), height: LINE * (row + 1) }
}

const STYLE = { size: SIZES.label } as const

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
