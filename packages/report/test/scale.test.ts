import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { areaPath, curvePath } from '../src/charts/marks.ts'
import { compactNumber, linearScale, niceDomain, ticks } from '../src/charts/scale.ts'

describe('ticks', () => {
  it.each([
    [[0, 1], 5, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [[0, 0.61], 5, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]],
    [[0, 900], 6, [0, 200, 400, 600, 800]],
    [[-1, 0.7], 5, [-1, -0.5, 0, 0.5]],
    [[0, 1_300_000], 5, [0, 200_000, 400_000, 600_000, 800_000, 1_000_000, 1_200_000]],
    [[3, 3], 5, [3]],
  ] as const)('of %j are round', (domain, count, expected) => {
    expect(ticks(domain, count)).toEqual(expected)
  })

  it('lie within any domain, a few of them, and its nice ends are ticks around it', () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(value, fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (low, span) => {
        const high = low + span
        const found = ticks([low, high], 5)
        expect(found.length).toBeGreaterThanOrEqual(2)
        expect(found.length).toBeLessThanOrEqual(9)
        const slack = 1e-6 * span + 1e-12 * Math.abs(low)
        for (const tick of found) {
          expect(tick).toBeGreaterThanOrEqual(low - slack)
          expect(tick).toBeLessThanOrEqual(high + slack)
        }
        const [first, last] = niceDomain([low, high], 5)
        expect(first).toBeLessThanOrEqual(low + slack)
        expect(last).toBeGreaterThanOrEqual(high - slack)
      }),
    )
  })
})

describe('a scale', () => {
  it('is a straight line, and puts all values of an axis without extent into its middle', () => {
    const scale = linearScale([2, 4], [100, 0])
    expect([2, 3, 4, 5].map(scale.at)).toEqual([100, 50, 0, -50])
    expect(linearScale([3, 3], [0, 10]).at(3)).toBe(5)
  })

  it('writes numbers with three digits', () => {
    expect([0, 0.125, 1234.5, -0.5].map(compactNumber)).toEqual(['0', '0.125', '1230', '−0.5'])
  })
})

describe('a curve', () => {
  const axes = { x: linearScale([0, 3], [0, 30]), y: linearScale([0, 10], [100, 0]) }
  const points = [0, 5, 5, 10].map((y, x) => ({ x, y }))

  it('goes straight from point to point, and leaves gaps where there is no number', () => {
    expect(curvePath(points, axes, 'straight')).toBe('M0,100L10,50L20,50L30,0')
    const broken = points.map((point, index) => (index === 1 ? { ...point, y: Number.NaN } : point))
    expect(curvePath(broken, axes, 'straight')).toBe('M0,100M20,50L30,0')
  })

  it('can be smooth, and is level where neighbours are equal', () => {
    expect(curvePath(points, axes, 'smooth')).toBe(
      'M0,100C3.3,75,6.7,50,10,50C13.3,50,16.7,50,20,50C23.3,50,26.7,25,30,0',
    )
    expect(curvePath(points.slice(0, 1), axes, 'smooth')).toBe('M0,100')
    expect(curvePath([], axes, 'smooth')).toBe('')
  })

  it('has an area that stands on zero', () => {
    expect(areaPath(points, axes, 'straight')).toBe('M0,100L0,100L10,50L20,50L30,0L30,100Z')
    expect(areaPath([], axes, 'smooth')).toBe('')
  })
})
