import type { PaletteColor } from '@voxnorm/report'

/** Colours of lettering and of lines that only help, on white. */
export const INK = '#222222'
export const FAINT = '#8a8a8a'

/** Six colours that people with any colour vision tell apart (Okabe and Ito, 2008). */
const CATEGORICAL = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00'] as const

/** The colour of the site or curve with this number; it repeats after six. */
export function categoricalColor(index: number): string {
  return CATEGORICAL[index % CATEGORICAL.length]!
}

/** Viridis at 0, 1/3, 2/3 and 1: the labels BG, CSF, GM, WM as in the paper's Fig. 5. */
export const LABEL_COLORS = ['#440154', '#31688e', '#35b779', '#fde725'] as const

/** A colour scale: its colours at equal distances, and between them straight lines in RGB. */
export type ColorScale = readonly string[]

export const GREYS: ColorScale = ['#000000', '#ffffff']
/** Blue for low, red for high, and a light middle. */
export const BLUE_RED: ColorScale = [
  '#2166ac',
  '#67a9cf',
  '#d1e5f0',
  '#f7f7f7',
  '#fddbc7',
  '#ef8a62',
  '#b2182b',
]

/** Red, green and blue, 0 to 255, of the scale at `share`, which is clamped to [0, 1]. */
export function colorAt(scale: ColorScale, share: number): readonly [number, number, number] {
  const position = Math.min(1, Math.max(0, share)) * (scale.length - 1)
  const before = Math.min(Math.floor(position), scale.length - 2)
  const [from, to] = [channels(scale[before]!), channels(scale[before + 1]!)]
  const mix = (channel: number) =>
    Math.round(from[channel]! + (position - before) * (to[channel]! - from[channel]!))
  return [mix(0), mix(1), mix(2)]
}

/** The same as text for SVG. */
export function cssColorAt(scale: ColorScale, share: number): string {
  return `rgb(${colorAt(scale, share).join(',')})`
}

/** A colour for text on this one: the ink or white, whichever has more contrast (weights of ITU-R BT.709). */
export function inkOn([red, green, blue]: readonly [number, number, number]): string {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128 ? '#ffffff' : INK
}

/** The scale as a palette of 256 colours, for images of positions on it. */
export function scalePalette(scale: ColorScale): PaletteColor[] {
  return Array.from({ length: 256 }, (_, index) => [...colorAt(scale, index / 255), 255] as const)
}

/** Opaque colours as a palette. */
export function labelPalette(colors: readonly string[]): PaletteColor[] {
  return colors.map((color) => [...channels(color), 255] as const)
}

function channels(hex: string): readonly [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}
