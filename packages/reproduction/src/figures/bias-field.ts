import { type Box, greyPng, image, palettePng, text, wrap } from '@voxnorm/report'
import { BLUE_RED, GREYS, scalePalette } from './colors.ts'
import { colorBar, figureSvg, greyLevels, SIZES, WIDTH } from './frame.ts'
import { curveLegend, curveMarks, PANEL_HEIGHT, panel, type StyledCurve, stacked, zeroLine } from './panel.ts'

/** A slice in rows from the top, with square pixels. */
export interface SlicePanel {
  readonly caption: string
  readonly pixels: Float32Array
  readonly width: number
  readonly height: number
}

export interface BiasFieldOptions {
  readonly title: string
  /** The input, the bias field, their product, and what the generator makes of it. */
  readonly panels: readonly [SlicePanel, SlicePanel, SlicePanel, SlicePanel]
  /** Intensities that black and white stand for in all panels but the field's. */
  readonly window: readonly [number, number]
}

const GAP = 12
const CELL = (WIDTH - 3 * GAP) / 4
const LINE = SIZES.caption * 1.2
const BAR = 14
/** What a colour bar needs for its numbers and its name. */
const BAR_TEXT = SIZES.number + SIZES.label + 14

/** A slice degraded by a bias field and normalised (Fig. 4). The field has a colour scale of its own, centred on 1. */
export function figure4({ title, panels, window }: BiasFieldOptions): string {
  const captions = panels.map(({ caption }) => wrap(caption, CELL, SIZES.caption))
  const top = Math.max(...captions.map((lines) => lines.length)) * LINE + 8
  const tall = Math.max(...panels.map(({ width, height }) => (CELL * height) / width))
  const gain = panels[1].pixels.reduce((most, value) => Math.max(most, Math.abs(value - 1)), 1e-3)
  const fieldRange = [1 - gain, 1 + gain] as const
  const slices = panels.map((panel, index) => {
    const x = index * (CELL + GAP)
    const box: Box = { x, y: top, width: CELL, height: (CELL * panel.height) / panel.width }
    const lines = captions[index]!.map((line, row) =>
      text(x, SIZES.caption * 0.9 + row * LINE, line, { size: SIZES.caption, weight: 'bold' }),
    )
    const isField = index === 1
    const levels = greyLevels(panel.pixels, isField ? fieldRange : window)
    const png = isField
      ? palettePng(levels, panel.width, scalePalette(BLUE_RED))
      : greyPng(levels, panel.width)
    return lines.join('') + image(png, box, 'smooth')
  })
  const bar = (index: number): Box => ({
    x: index * (CELL + GAP),
    y: top + tall + 12,
    width: CELL,
    height: BAR,
  })
  const bars =
    colorBar(bar(0), GREYS, window, 'intensity') + colorBar(bar(1), BLUE_RED, fieldRange, 'gain of the field')
  return figureSvg(title, top + tall + 12 + BAR + BAR_TEXT, slices.join('') + bars)
}

export interface BiasProfileOptions {
  readonly title: string
  /** One panel for each site; what the generator made is dashed and follows the order of its inputs. */
  readonly panels: readonly { readonly site: string; readonly curves: readonly StyledCurve[] }[]
}

/** Mean z-scored intensity along the axis of the bias field: original, degraded, normalised (Fig. 8). */
export function figure8({ title, panels }: BiasProfileOptions): string {
  const bodies = panels.map(({ site, curves }, index) =>
    panel(index * PANEL_HEIGHT, {
      caption: site,
      x: 'position along y (voxel index)',
      y: 'mean z-score',
      points: curves.flatMap(({ points }) => points),
      marks: (axes) => zeroLine(axes) + curveMarks(curves, axes),
    }),
  )
  return stacked(title, bodies, curveLegend(panels[0]?.curves ?? []))
}
