import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { outlinePath } from '../src/outlines.ts'

/** The polygons of path data, in half pixels. */
function polygons(path: string): [number, number][][] {
  return path
    .split('M')
    .filter((part) => part !== '')
    .map((part) => {
      const [, first, rest] = /^(-?\d+ -?\d+)(.*)z$/.exec(part)!
      const points = [first!.split(' ').map(Number) as [number, number]]
      for (const [, command, x, y] of rest!.matchAll(/([hvl])(-?\d+)(?: (-?\d+))?/g)) {
        const [px, py] = points.at(-1)!
        if (command === 'h') points.push([px + Number(x), py])
        else if (command === 'v') points.push([px, py + Number(x)])
        else points.push([px + Number(x), py + Number(y)])
      }
      return points
    })
}

/** How often the polygons wind around a point. */
function winding(loops: readonly [number, number][][], x: number, y: number): number {
  let count = 0
  for (const loop of loops) {
    loop.forEach(([ax, ay], index) => {
      const [bx, by] = loop[(index + 1) % loop.length]!
      const side = (bx - ax) * (y - ay) - (x - ax) * (by - ay)
      if (ay <= y && by > y && side > 0) count++
      if (ay > y && by <= y && side < 0) count--
    })
  }
  return count
}

describe('outlinePath', () => {
  it('encloses the centres of exactly the pixels of the region', () => {
    const regions = fc
      .record({ width: fc.integer({ min: 1, max: 7 }), height: fc.integer({ min: 1, max: 7 }) })
      .chain((size) =>
        fc
          .array(fc.integer({ min: 0, max: 1 }), {
            minLength: size.width * size.height,
            maxLength: size.width * size.height,
          })
          .map((pixels) => ({ ...size, pixels })),
      )
    fc.assert(
      fc.property(regions, ({ width, height, pixels }) => {
        const loops = polygons(outlinePath(pixels, width, height))
        // A centre is never level with a corner of the outline, which lies on edges, unless moved by a little.
        const found = pixels.map((_, index) =>
          winding(loops, 2 * (index % width) + 1, 2 * Math.floor(index / width) + 1.01),
        )
        expect(found).toEqual(pixels)
      }),
    )
  })

  it('draws a square with its corners cut, and straight edges as one command', () => {
    expect(outlinePath([1], 1, 1)).toBe('M1 0l1 1l-1 1l-1 -1z')
    expect(outlinePath(new Uint8Array(9).fill(1), 3, 3)).toBe('M1 0h4l1 1v4l-1 1h-4l-1 -1v-4z')
    expect(outlinePath([0, 0], 2, 1)).toBe('')
  })
})
