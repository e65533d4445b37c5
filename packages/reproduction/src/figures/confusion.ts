import { area, text, textWidth } from '@voxnorm/report'
import { BLUE_RED, colorAt, cssColorAt, inkOn } from './colors.ts'
import { colorBar, figureSvg, SIZES, WIDTH } from './frame.ts'

export interface ConfusionOptions {
  readonly title: string
  /** For each λ the matrices of the discriminator; rows are actual classes, columns predicted, the sum of all is 1. */
  readonly columns: readonly {
    readonly lambda: string
    readonly train: readonly (readonly number[])[]
    readonly test: readonly (readonly number[])[]
  }[]
  /** Classes in the order of rows and columns, "Generated" first as in the paper. */
  readonly names: readonly string[]
}

const GAP = 16
const CAPTION = 28
const AXIS = 26

/** Confusion matrices of the discriminator, training above test, a column for each λ (Fig. 9). */
export function figure9({ title, columns, names }: ConfusionOptions): string {
  const widest = Math.max(...names.map((name) => textWidth(name, SIZES.number)))
  const left = AXIS + widest + 8
  const room = (WIDTH - left - (columns.length - 1) * GAP) / columns.length
  // One matrix alone would fill the page.
  const cell = Math.min(room / names.length, 96)
  const side = cell * names.length
  // Names that are wider than a cell stand upright below it.
  const upright = widest > cell
  const under = upright ? widest + 10 : SIZES.number + 8
  const block = CAPTION + side + GAP
  const most = Math.max(...columns.flatMap(({ train, test }) => [...train, ...test].flat()), 1e-9)
  const parts = (['train', 'test'] as const).flatMap((split, row) => {
    const y = row * block + CAPTION
    const rowNames = names.map((name, index) =>
      text(left - 8, y + (index + 0.5) * cell + 5, name, { size: SIZES.number, anchor: 'end' }),
    )
    const matrices = columns.map((column, index) => {
      const x = left + index * (side + GAP)
      const caption = `${split === 'train' ? 'Training' : 'Test'}, λ = ${column.lambda}`
      const head = text(x, y - 9, caption, { size: SIZES.caption, weight: 'bold' })
      return head + matrix(column[split], x, y, cell, most)
    })
    const actual = text(AXIS - 10, y + side / 2, 'Actual', {
      size: SIZES.label,
      anchor: 'middle',
      rotate: -90,
    })
    return [actual, ...rowNames, ...matrices]
  })
  const bottom = 2 * block - GAP
  const below = columns.map((_, index) => {
    const x = left + index * (side + GAP)
    const columnNames = names.map((name, column) => {
      const middle = x + (column + 0.5) * cell
      return upright
        ? text(middle + 5, bottom + 8, name, { size: SIZES.number, anchor: 'end', rotate: -90 })
        : text(middle, bottom + SIZES.number + 4, name, { size: SIZES.number, anchor: 'middle' })
    })
    const axis = text(x + side / 2, bottom + under + SIZES.label, 'Predicted', {
      size: SIZES.label,
      anchor: 'middle',
    })
    return columnNames.join('') + axis
  })
  const barTop = bottom + under + SIZES.label + 18
  const bar = colorBar(
    { x: left, y: barTop, width: 240, height: 14 },
    BLUE_RED,
    [0, most],
    'share of all patches',
  )
  return figureSvg(
    title,
    barTop + 14 + SIZES.number + SIZES.label + 14,
    parts.join('') + below.join('') + bar,
  )
}

function matrix(
  rows: readonly (readonly number[])[],
  x: number,
  y: number,
  cell: number,
  most: number,
): string {
  const size = Math.min(SIZES.number, cell / 3)
  return rows
    .flatMap((row, actual) =>
      row.map((value, predicted) => {
        const box = { x: x + predicted * cell, y: y + actual * cell, width: cell - 1.5, height: cell - 1.5 }
        const number = text(box.x + box.width / 2, box.y + box.height / 2 + 0.36 * size, value.toFixed(3), {
          size,
          anchor: 'middle',
          fill: inkOn(colorAt(BLUE_RED, value / most)),
        })
        return area(box, cssColorAt(BLUE_RED, value / most)) + number
      }),
    )
    .join('')
}
