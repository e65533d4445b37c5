import { inflateSync } from 'node:zlib'

export interface Picture {
  readonly width: number
  readonly height: number
  /** Rows from the top, `channels` bytes for each pixel. */
  readonly data: Uint8Array
  readonly channels: number
  /** Red, green and blue of the palette, if there is one. */
  readonly palette: readonly (readonly number[])[]
}

/** Reads an 8-bit PNG without interlacing: grey, palette, RGB or RGBA (the PNG specification, third edition). */
export function decodePng(file: Uint8Array): Picture {
  const bytes = Buffer.from(file)
  let [width, height, channels] = [0, 0, 1]
  let palette: number[][] = []
  const parts: Buffer[] = []
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const type = bytes.toString('latin1', at + 4, at + 8)
    const data = bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at))
    if (type === 'IHDR') {
      width = data.readUInt32BE(0)
      height = data.readUInt32BE(4)
      channels = { 0: 1, 2: 3, 3: 1, 6: 4 }[data[9]!]!
    }
    if (type === 'PLTE')
      palette = Array.from({ length: data.length / 3 }, (_, color) => [
        ...data.subarray(3 * color, 3 * color + 3),
      ])
    if (type === 'IDAT') parts.push(data)
  }
  const filtered = inflateSync(Buffer.concat(parts))
  const stride = width * channels
  const data = new Uint8Array(height * stride)
  for (let row = 0; row < height; row++) {
    const filter = filtered[row * (stride + 1)]!
    for (let column = 0; column < stride; column++) {
      const left = column >= channels ? data[row * stride + column - channels]! : 0
      const up = row > 0 ? data[(row - 1) * stride + column]! : 0
      const corner = row > 0 && column >= channels ? data[(row - 1) * stride + column - channels]! : 0
      data[row * stride + column] =
        filtered[row * (stride + 1) + 1 + column]! + predict(filter, left, up, corner)
    }
  }
  return { width, height, data, channels, palette }
}

/** Pictures have millions of bytes, so nothing is allocated for one. */
function predict(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0
  if (filter === 1) return left
  if (filter === 2) return up
  if (filter === 3) return (left + up) >> 1
  const a = Math.abs(up - corner)
  const b = Math.abs(left - corner)
  const c = Math.abs(left + up - 2 * corner)
  if (a <= b && a <= c) return left
  return b <= c ? up : corner
}
