import { inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { greyPng, palettePng } from '../src/png.ts'

describe('png', () => {
  it('stores the pixels so that a decoder finds them', () => {
    const pixels = Uint8Array.from({ length: 6 }, (_, index) => index * 40)
    for (const [bytes, type] of [
      [greyPng(pixels, 3), 0],
      [palettePng(pixels, 3, [[1, 2, 3, 4]]), 3],
    ] as const) {
      const view = Buffer.from(bytes)
      expect(view.subarray(1, 4).toString()).toBe('PNG')
      expect([view.readUInt32BE(16), view.readUInt32BE(20), view[24], view[25]]).toEqual([3, 2, 8, type])
      const start = view.indexOf('IDAT')
      const length = view.readUInt32BE(start - 4)
      expect([...inflateSync(view.subarray(start + 4, start + 4 + length))]).toEqual([
        0, 0, 40, 80, 0, 120, 160, 200,
      ])
      expect(view.subarray(-8, -4).toString()).toBe('IEND')
      expect(view.readUInt32BE(view.length - 4)).toBe(0xae426082)
    }
  })
})
