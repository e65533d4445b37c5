import { type Box, greyPng, image, outline, text } from '@voxnorm/report'
import { categoricalColor, INK } from './colors.ts'
import { figureSvg, greyLevels, legend, SIZES, WIDTH } from './frame.ts'
import { type InsetPlace, insetPlaces, type MosaicPatch } from './mosaic-insets.ts'

export type { MosaicPatch } from './mosaic-insets.ts'

export interface MosaicSide {
  readonly caption: string
  readonly patches: readonly MosaicPatch[]
}

export interface MosaicOptions {
  readonly title: string
  /** Patches as they came, and the same patches in the same order as the generator makes them. */
  readonly left: MosaicSide
  readonly right: MosaicSide
  /** Whether two places are shown magnified on both sides (Fig. 6). */
  readonly insets?: boolean
}

const COLUMNS = 4
/** A side of 32 voxels is 80 units, so the picture shows a voxel as 5 × 5 pixels. */
const CELL = 80
const GAP = 6
const SIDE = COLUMNS * CELL + (COLUMNS - 1) * GAP
const CAPTION = 28
const INSET_SIZE = (SIDE - 18) / 2
const INSET_COLORS = ['#e6007e', '#5fd000'] as const

/**
 * Patches of several sites mixed, before and after the generator (Fig. 1 and 6).
 *
 * All patches of a side share one grey scale from the smallest to the largest intensity among them: a side on which the
 * sites differ in brightness was not normalised. The frame tells the site.
 */
export function mosaicFigure({ title, left, right, insets }: MosaicOptions): string {
  const sites = [...new Set([...left.patches, ...right.patches].map(({ site }) => site))]
  const rows = Math.ceil(Math.max(left.patches.length, right.patches.length) / COLUMNS)
  const below = CAPTION + rows * (CELL + GAP) + 6
  // The places are chosen on the left alone, so that both sides show the same anatomy.
  const places = insets ? insetPlaces(left.patches) : []
  const sides = [left, right].map((side, index) => {
    const x = index * (WIDTH - SIDE)
    const caption = text(x, SIZES.caption, side.caption, { size: SIZES.caption, weight: 'bold' })
    return caption + mosaic(side.patches, x, sites, places) + magnified(side.patches, x, below, places)
  })
  const names = legend([
    ...sites.map((name, index) => ({ name, color: categoricalColor(index), mark: 'frame' as const })),
    ...places.map(({ patch }, index) => ({
      name: `magnified, ${left.patches[patch]!.site}`,
      color: INSET_COLORS[index]!,
      mark: 'frame' as const,
    })),
  ])
  const end = below + (places.length > 0 ? INSET_SIZE + 16 : 4)
  const key = `<g transform="translate(0 ${end})">${names.svg}</g>`
  return figureSvg(title, end + names.height, sides.join('') + key)
}

function mosaic(
  patches: readonly MosaicPatch[],
  x: number,
  sites: readonly string[],
  places: readonly InsetPlace[],
): string {
  const window = extent(patches)
  const cells = patches.map(({ pixels, side, site }, index) => {
    const box = cellBox(index, x)
    const picture = image(greyPng(greyLevels(pixels, window), side), box, 'pixelated')
    return picture + outline(box, categoricalColor(sites.indexOf(site)), 3)
  })
  const marks = places.map((place, index) => {
    const box = cellBox(place.patch, x)
    const scale = CELL / patches[place.patch]!.side
    const size = place.size * scale
    const mark = { x: box.x + place.x * scale, y: box.y + place.y * scale, width: size, height: size }
    // Dark below, since patches may be as light as any colour.
    return outline(mark, INK, 4.5) + outline(mark, INSET_COLORS[index]!, 2.5)
  })
  return cells.join('') + marks.join('')
}

function magnified(
  patches: readonly MosaicPatch[],
  x: number,
  y: number,
  places: readonly InsetPlace[],
): string {
  const window = extent(patches)
  return places
    .map((place, index) => {
      const { pixels, side } = patches[place.patch]!
      const part = new Float32Array(place.size ** 2)
      for (let row = 0; row < place.size; row++) {
        const start = (place.y + row) * side + place.x
        part.set(pixels.subarray(start, start + place.size), row * place.size)
      }
      const box = { x: x + index * (INSET_SIZE + 18), y, width: INSET_SIZE, height: INSET_SIZE }
      const picture = image(greyPng(greyLevels(part, window), place.size), box, 'pixelated')
      return picture + outline(box, INSET_COLORS[index]!, 4)
    })
    .join('')
}

function cellBox(index: number, x: number): Box {
  const [column, row] = [index % COLUMNS, Math.floor(index / COLUMNS)]
  return { x: x + column * (CELL + GAP), y: CAPTION + row * (CELL + GAP), width: CELL, height: CELL }
}

function extent(patches: readonly MosaicPatch[]): readonly [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { pixels } of patches) {
    for (const value of pixels) {
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  }
  return [low, high]
}
