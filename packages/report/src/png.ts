import { base64 } from '@voxnorm/pipeline'
import { zlibSync } from 'fflate'

/** A colour of a palette image: red, green, blue and opacity, each 0 to 255. */
export type PaletteColor = readonly [number, number, number, number]

/** An 8-bit grey image as PNG; `pixels` in rows from the top, `width` per row. */
export function greyPng(pixels: Uint8Array, width: number): Uint8Array {
  return png(pixels, width, 0, [])
}

/** An image of palette positions as PNG. */
export function palettePng(pixels: Uint8Array, width: number, palette: readonly PaletteColor[]): Uint8Array {
  const colors = Uint8Array.from(palette.flatMap((color) => color.slice(0, 3)))
  const opacities = Uint8Array.from(palette, ([, , , opacity]) => opacity)
  return png(pixels, width, 3, [chunk('PLTE', colors), chunk('tRNS', opacities)])
}

/** The form in which an image can stand inside a page. */
export function pngUri(bytes: Uint8Array): string {
  return `data:image/png;base64,${base64(bytes)}`
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)

function png(pixels: Uint8Array, width: number, colorType: 0 | 3, extra: readonly Uint8Array[]): Uint8Array {
  const height = pixels.length / width
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header.set([8, colorType, 0, 0, 0], 8)
  // Every row starts with its filter type, 0: stored as it is.
  const rows = new Uint8Array(height * (width + 1))
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  const data = chunk('IDAT', zlibSync(rows, { level: 9 }))
  return joined([SIGNATURE, chunk('IHDR', header), ...extra, data, chunk('IEND', new Uint8Array(0))])
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const result = new Uint8Array(data.length + 12)
  const view = new DataView(result.buffer)
  view.setUint32(0, data.length)
  result.set(new TextEncoder().encode(type), 4)
  result.set(data, 8)
  view.setUint32(data.length + 8, crc32(result.subarray(4, 8 + data.length)))
  return result
}

/** The cyclic redundancy check of PNG and zlib. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    result.set(part, at)
    at += part.length
  }
  return result
}
