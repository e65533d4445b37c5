import { crc32, deflateSync } from 'node:zlib'

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
  return `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`
}

function png(pixels: Uint8Array, width: number, colorType: 0 | 3, extra: readonly Buffer[]): Uint8Array {
  const height = pixels.length / width
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, colorType, 0, 0, 0], 8)
  // Every row starts with its filter type, 0: stored as it is.
  const rows = Buffer.alloc(height * (width + 1))
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const data = chunk('IDAT', deflateSync(rows, { level: 9 }))
  return Buffer.concat([signature, chunk('IHDR', header), ...extra, data, chunk('IEND', new Uint8Array(0))])
}

function chunk(type: string, data: Uint8Array): Buffer {
  const result = Buffer.alloc(data.length + 12)
  result.writeUInt32BE(data.length, 0)
  result.write(type, 4, 'latin1')
  result.set(data, 8)
  result.writeUInt32BE(crc32(result.subarray(4, 8 + data.length)), 8 + data.length)
  return result
}
