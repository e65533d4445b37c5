import { wrap } from '@voxnorm/report'
import fc from 'fast-check'
import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { BLUE_RED, colorAt } from '../src/figures/colors.ts'
import { comparisonChart } from '../src/figures/comparison.ts'
import type { MosaicPatch } from '../src/figures/mosaic.ts'
import { insetPlaces } from '../src/figures/mosaic-insets.ts'
import { curveColors, steps } from '../src/figures/panel.ts'
import { svgToPng } from '../src/figures/rasterize.ts'
import { decodePng } from './decode-png.ts'
import {
  biasField,
  bins,
  comparison,
  confusion,
  mosaic,
  rawHistograms,
  segmentations,
} from './sample-figures.ts'

const parse = (svg: string) => parseHTML(`<html><body>${svg}</body></html>`).document
const attribute = (element: Element, name: string) => Number(element.getAttribute(name))
/** The PNGs inside a figure, in order. */
const images = (svg: string) =>
  [...svg.matchAll(/base64,([^"]+)/g)].map(([, data]) => decodePng(Buffer.from(data!, 'base64')))

describe('patches in a mosaic', () => {
  it('share one grey scale on each side, from the smallest to the largest intensity of all', () => {
    const found = images(mosaic(false))
    expect(found).toHaveLength(10)
    const ends = found.map(({ data }) => [data[0], data.at(-1)])
    // The left side spans 0 to 4, the right one 0.2 to 0.8.
    const grey = (value: number) => Math.round((255 * value) / 4)
    expect(ends.slice(0, 5)).toEqual([
      [0, grey(1)],
      [grey(2), 255],
      [grey(1), grey(2)],
      [Math.round((255 * 0.5) / 4), Math.round((255 * 3) / 4)],
      [0, grey(2)],
    ])
    expect(ends.slice(5)).toEqual(Array(5).fill([0, 255]))
  })

  it('are framed by site, and two places of each side are magnified on request', () => {
    const svg = mosaic(true)
    expect(images(svg)).toHaveLength(10 + 4)
    const frames = [...parse(svg).querySelectorAll('rect[stroke-width="3"][width="80"]')]
    expect(frames.map((frame) => frame.getAttribute('stroke')).slice(0, 4)).toEqual([
      '#0072b2',
      '#e69f00',
      '#0072b2',
      '#e69f00',
    ])
  })

  it('are magnified where tissues differ most, one of each site, and not at the border of the brain', () => {
    const size = 12
    const planted = (site: string, x0: number, y0: number, amount: number): MosaicPatch => {
      const pixels = new Float32Array(32 * 32).fill(1)
      for (let y = 0; y < size; y++)
        for (let x = 0; x < size; x++) pixels[(y0 + y) * 32 + x0 + x] = (x + y) % 2 ? 1 + amount : 1 - amount
      // A column of background, which has far more contrast than any tissue.
      for (let y = 0; y < 32; y++) pixels[y * 32 + 31] = 0
      return { site, side: 32, pixels }
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 18 }), fc.integer({ min: 0, max: 20 }), (x, y) => {
        const patches = [planted('a', 3, 4, 0.1), planted('b', 1, 2, 0.3), planted('a', x, y, 0.2)]
        expect(insetPlaces(patches)).toEqual([
          { patch: 2, x, y, size },
          { patch: 1, x: 1, y: 2, size },
        ])
      }),
      { numRuns: 20 },
    )
  })
})

describe('axes and scales', () => {
  it('of raw histograms are common to the sites, so that a quarter of the range has a quarter of the width', () => {
    const paths = [
      ...parse(rawHistograms()).querySelectorAll(
        '.panel g[fill-opacity="0.5"] path, .panel path[fill-opacity="0.5"]',
      ),
    ]
    expect(paths).toHaveLength(6)
    const widths = paths.map((path) => {
      const xs = [...path.getAttribute('d')!.matchAll(/[ML]?(-?[\d.]+),-?[\d.]+/g)].map(([, x]) => Number(x))
      return Math.max(...xs) - Math.min(...xs)
    })
    for (const width of widths.slice(0, 3)) expect(width / widths[3]!).toBeCloseTo(0.25, 3)
  })

  it('of a histogram keep what it counts', () => {
    const area = steps(bins(0, 30))
    const integral = area
      .slice(1)
      .reduce((sum, { x, y }, index) => sum + (x - area[index]!.x) * (y + area[index]!.y) * 0.5, 0)
    expect(integral).toBeCloseTo(
      bins(0, 30).reduce((sum, { y }) => sum + y * 1.5, 0),
      6,
    )
    expect([area[0]!.x, area.at(-1)!.x]).toEqual([0, 30])
  })

  it('of slices follow the window, and the field has colours of its own around 1', () => {
    const [input, field, degraded, normalized] = images(biasField())
    expect([...input!.data]).toEqual([0, 0, 128, 255, 255, 128])
    expect([...degraded!.data]).toEqual([0, 0, 0, 255, 255, 255])
    expect([...normalized!.data]).toEqual(Array(6).fill(128))
    const colors = [...field!.data].map((position) => field!.palette[position])
    expect(colors[0]).toEqual([33, 102, 172])
    expect(colors[4]).toEqual([178, 24, 43])
    for (const channel of colors[2]!) expect(Math.abs(channel - 247)).toBeLessThanOrEqual(3)
  })

  it('of label maps are viridis, and the picture shows them in place', async () => {
    const svg = segmentations()
    expect(images(svg)).toHaveLength(6)
    const { width, data } = decodePng(await svgToPng(svg))
    const image = parse(svg).querySelector('image')!
    const [, top] = /translate\(12 ([\d.]+)\)/.exec(svg)!
    const [x, y, size] = [
      attribute(image, 'x') + 12,
      attribute(image, 'y') + Number(top),
      attribute(image, 'width'),
    ]
    const pixel = (across: number, down: number) => {
      const at = 4 * (Math.round(2 * (y + down * size)) * width + Math.round(2 * (x + across * size)))
      return [...data.subarray(at, at + 3)]
    }
    expect([pixel(0.25, 0.25), pixel(0.75, 0.25), pixel(0.25, 0.75), pixel(0.75, 0.75)]).toEqual([
      [0x44, 0x01, 0x54],
      [0x31, 0x68, 0x8e],
      [0x35, 0xb7, 0x79],
      [0xfd, 0xe7, 0x25],
    ])
    // Pixels are squares: right beside the middle the colours are still unmixed.
    expect(pixel(0.49, 0.25)).toEqual([0x44, 0x01, 0x54])
  })

  it('give a dashed curve the colour of the solid one that it belongs to', () => {
    const style = (...styles: ('solid' | 'dashed')[]) => styles.map((one) => ({ name: one, style: one }))
    const [a, b, c, d, e] = curveColors(style('solid', 'solid', 'solid', 'dashed', 'dashed'))
    expect(new Set([a, b, c]).size).toBe(3)
    expect([d, e]).toEqual([b, c])
    expect(curveColors(style('solid', 'dashed', 'solid', 'dashed'))).toEqual([a, a, b, b])
  })

  it('of colours run from end to end, and beyond them no further', () => {
    expect([-1, 0, 0.5, 1, 2].map((share) => colorAt(BLUE_RED, share))).toEqual([
      [33, 102, 172],
      [33, 102, 172],
      [247, 247, 247],
      [178, 24, 43],
      [178, 24, 43],
    ])
  })
})

describe('tables as pictures', () => {
  it('hold every cell of the confusion matrices, rows actual, training above test', () => {
    const svg = confusion()
    const cells = [...parse(svg).querySelectorAll('text')].filter((text) =>
      /^\d\.\d{3}$/.test(text.textContent ?? ''),
    )
    expect(cells).toHaveLength(2 * 2 * 9)
    const place = (cell: Element) => [attribute(cell, 'x'), attribute(cell, 'y')] as const
    const half = cells.filter(({ textContent }) => textContent === '0.500')
    const quarter = cells.filter(({ textContent }) => textContent === '0.245')
    // Generated patches lie in the first row: in training in the first column, in the test in the third.
    const [train, test] = [place(half[0]!), place(half[2]!)]
    expect(test[1]).toBeGreaterThan(train[1])
    expect(test[0] - train[0]).toBeCloseTo(2 * (place(quarter[0]!)[0] - train[0]), 1)
    expect(place(quarter[0]!)[1]).toBeGreaterThan(train[1])
    expect(svg.match(/fill="rgb\(178,24,43\)"/g)!.length).toBeGreaterThanOrEqual(4)
    expect(svg).toContain('λ = 1.5')
  })

  it('put our numbers, their intervals and the published ones on one linear axis', () => {
    const document = parse(comparison())
    const [first, second, third] = [...document.querySelectorAll('.panel circle')].map((dot) =>
      attribute(dot, 'cx'),
    )
    expect((third! - first!) / (second! - first!)).toBeCloseTo(3, 4)
    const unit = (second! - first!) / 0.1
    const interval =
      document.querySelector('.panel [stroke-width="3"] line') ??
      document.querySelector('.panel line[stroke-width="3"]')
    expect([attribute(interval!, 'x1'), attribute(interval!, 'x2')]).toEqual([
      expect.closeTo(first! - 0.1 * unit, 3),
      expect.closeTo(first! + 0.1 * unit, 3),
    ])
    const published = [...document.querySelectorAll('.panel g[stroke="#d55e00"] path')].map((mark) =>
      Number(/translate\(([\d.]+)/.exec(mark.getAttribute('transform')!)![1]),
    )
    expect(published).toEqual([0.4, 0.3].map((above) => expect.closeTo(first! + above * unit, 2)))
  })

  it('leave the row of a number that does not exist empty', () => {
    const rows = [
      { name: 'none', ours: Number.NaN, low: Number.NaN, high: Number.NaN },
      { name: 'one', ours: 0.5, published: Number.NaN },
    ]
    const document = parse(comparisonChart({ title: 't', x: 'Dice', rows }))
    expect(document.querySelectorAll('.panel circle')).toHaveLength(1)
    expect(
      document.querySelectorAll('.panel [stroke="#d55e00"] path, .panel [stroke-width="3"] line'),
    ).toHaveLength(0)
    expect(document.body.innerHTML).not.toMatch(/NaN|Infinity|interval|published/)
    const empty = comparisonChart({ title: 't', x: 'Dice', rows: rows.slice(0, 1) })
    expect(empty).toContain('none')
    expect(empty).not.toMatch(/NaN|Infinity/)
  })

  it('break long texts between words, and an equation never', () => {
    expect(wrap('one two three', 70, 16)).toEqual(['one two', 'three'])
    expect(wrap('bias field, α = 0.5', 110, 16)).toEqual(['bias field,', 'α = 0.5'])
  })
})
