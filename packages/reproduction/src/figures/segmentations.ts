import { image, palettePng, text, wrap } from '@voxnorm/report'
import { LABEL_COLORS, labelPalette } from './colors.ts'
import { figureSvg, legend, SIZES, WIDTH } from './frame.ts'

/** Internal classes (0 BG, 1 CSF, 2 GM, 3 WM) of a slice in rows from the top, with square pixels. */
export interface LabelPanel {
  readonly caption: string
  readonly labels: Uint8Array
  readonly width: number
  readonly height: number
}

export interface SegmentationOptions {
  readonly title: string
  /** One row for each site; the captions of the first row head the columns. */
  readonly rows: readonly { readonly site: string; readonly columns: readonly LabelPanel[] }[]
}

const SIDE = 26
const GAP = 12
const LINE = SIZES.caption * 1.2

/** Label maps of a slice of each site: the reference beside what the methods found (Fig. 5). */
export function figure5({ title, rows }: SegmentationOptions): string {
  const count = Math.max(1, ...rows.map(({ columns }) => columns.length))
  const cell = (WIDTH - SIDE - (count - 1) * GAP) / count
  const left = (column: number) => SIDE + column * (cell + GAP)
  const captions = (rows[0]?.columns ?? []).map(({ caption }) => wrap(caption, cell, SIZES.caption))
  let y = Math.max(0, ...captions.map((lines) => lines.length)) * LINE + 8
  const parts = captions.flatMap((lines, column) =>
    lines.map((line, row) =>
      text(left(column), SIZES.caption * 0.9 + row * LINE, line, { size: SIZES.caption, weight: 'bold' }),
    ),
  )
  for (const { site, columns } of rows) {
    const tall = Math.max(0, ...columns.map(({ width, height }) => (cell * height) / width))
    parts.push(
      text(SIDE - 10, y + tall / 2, site, {
        size: SIZES.caption,
        weight: 'bold',
        anchor: 'middle',
        rotate: -90,
      }),
      ...columns.map(({ labels, width, height }, column) =>
        image(
          palettePng(labels, width, labelPalette(LABEL_COLORS)),
          { x: left(column), y, width: cell, height: (cell * height) / width },
          'pixelated',
        ),
      ),
    )
    y += tall + GAP
  }
  const names = legend(
    ['background', 'CSF', 'GM', 'WM'].map((name, label) => ({
      name,
      color: LABEL_COLORS[label]!,
      mark: 'area' as const,
    })),
  )
  return figureSvg(
    title,
    y + names.height,
    `${parts.join('')}<g transform="translate(0 ${y})">${names.svg}</g>`,
  )
}
