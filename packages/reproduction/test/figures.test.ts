import { describe, expect, it } from 'vitest'
import { svgToPng } from '../src/figures/rasterize.ts'
import { decodePng } from './decode-png.ts'
import { FIGURES } from './sample-figures.ts'

describe.each(Object.entries(FIGURES))('%s', (_, draw) => {
  it('is a standalone drawing, the same every time, with its title, its parts named and no style from outside', () => {
    const svg = draw()
    expect(draw()).toBe(svg)
    expect(svg).toMatch(
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" role="img" width="\d+" height="\d+" viewBox=/,
    )
    expect(svg).toContain('<title>Patches with &quot;contrast&quot; &lt; 1 &amp; more (λ = 1.5)</title>')
    expect(svg).not.toMatch(/var\(|<style|class="plot|NaN|undefined|Infinity/)
  })

  // The renderer reads XML strictly, so this also finds what is not well-formed; see the test of a broken drawing.
  it('becomes a picture of twice its size that is not blank', async () => {
    const svg = draw()
    const [, ...size] = /width="(\d+)" height="(\d+)"/.exec(svg)!
    const { width, height, data } = decodePng(await svgToPng(svg))
    expect([width, height]).toEqual(size.map((units) => 2 * Number(units)))
    let dark = 0
    for (let red = 0; red < data.length; red += 4) if (data[red]! < 240) dark++
    expect(dark / (width * height)).toBeGreaterThan(0.01)
  })
})

describe('the picture of a drawing', () => {
  const drawing = (body: string) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">${body}</svg>`

  it('is the same every time', async () => {
    expect(
      Buffer.compare(await svgToPng(FIGURES['comparison']!()), await svgToPng(FIGURES['comparison']!())),
    ).toBe(0)
  })

  it('has the colours of the drawing on white', async () => {
    const { width, height, data } = decodePng(
      await svgToPng(drawing('<rect width="20" height="20" fill="#cc4b37"/>')),
    )
    expect([width, height]).toEqual([80, 40])
    const at = (x: number, y: number) => [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)]
    expect([at(10, 20), at(70, 20)]).toEqual([
      [0xcc, 0x4b, 0x37, 255],
      [255, 255, 255, 255],
    ])
  })

  it('has lettering, also Greek, in regular and in bold', async () => {
    const ink = async (weight: string, text: string) => {
      const svg = drawing(
        `<text x="2" y="16" font-size="16" font-family="Arimo" font-weight="${weight}">${text}</text>`,
      )
      const { data } = decodePng(await svgToPng(svg))
      return data.reduce((sum, value, index) => sum + (index % 4 === 0 ? 255 - value : 0), 0)
    }
    expect(await ink('normal', ' ')).toBe(0)
    expect(await ink('normal', 'λ')).toBeGreaterThan(1000)
    expect(await ink('normal', 'λ')).not.toBe(await ink('normal', 'α'))
    expect(await ink('bold', 'λ')).toBeGreaterThan(1.2 * (await ink('normal', 'λ')))
  })

  it('does not exist where the drawing is broken', async () => {
    await expect(svgToPng(drawing('<g><rect/>'))).rejects.toThrow()
    await expect(svgToPng(drawing('<text>a & b</text>'))).rejects.toThrow()
  })
})
