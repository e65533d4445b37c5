import { fanInUniform, filledWith, initialValues, kaimingUniform } from '@voxnorm/autograd'
import { describe, expect, it } from 'vitest'
import { streamKey, threefry, uniformValues } from '../src/random.ts'

describe('threefry', () => {
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ] as const)("gives the authors' known answers: key %j, counter %j", (key, counter, expected) => {
    expect(threefry(key, counter)).toEqual(expected)
  })

  it('gives names keys of their own', () => {
    const names = ['', 'a', 'b', 'ab', 'ba', 'a\0', 'conv0.weight', 'conv1.weight']
    const keys = [0, 1, -1, 2 ** 32, 2 ** 40].flatMap((seed) =>
      names.map((name) => streamKey(seed, name).join()),
    )
    expect(new Set(keys).size).toBe(keys.length)
    expect(() => streamKey(0.5, 'a')).toThrow('A seed must be a whole number')
  })

  it('draws the same beginning whatever the count', () => {
    const key = streamKey(3, 'x')
    expect(uniformValues(key, 7, 0, 1)).toEqual(uniformValues(key, 100, 0, 1).slice(0, 7))
  })
})

describe('initial values', () => {
  it('have the bounds of the method', () => {
    expect(kaimingUniform(27 * 64)).toEqual({ kind: 'uniform', bound: Math.sqrt(6 / (27 * 64)) })
    expect(fanInUniform(27 * 32)).toEqual({ kind: 'uniform', bound: 1 / Math.sqrt(27 * 32) })
  })

  it('depend on the seed and the name alone', () => {
    const draw = (seed: number, name: string) => initialValues(kaimingUniform(10), 50, seed, name)
    expect(draw(42, 'a.weight')).toEqual(draw(42, 'a.weight'))
    expect(draw(42, 'a.weight')).not.toEqual(draw(43, 'a.weight'))
    expect(draw(42, 'a.weight')).not.toEqual(draw(42, 'b.weight'))
  })

  it('are uniform: mean, variance, extremes, histogram, neighbours', () => {
    const count = 200_000
    const bound = Math.sqrt(6 / 432)
    const values = initialValues(kaimingUniform(432), count, 42, 'generator.enc1.conv0.weight')
    const moment = (power: number) => values.reduce((sum, value) => sum + (value / bound) ** power, 0) / count
    const error = 5 / Math.sqrt(count)
    expect(Math.abs(moment(1))).toBeLessThan(error)
    expect(Math.abs(moment(2) - 1 / 3)).toBeLessThan(error)
    expect(Math.abs(moment(4) - 1 / 5)).toBeLessThan(error)
    const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
    expect(largest).toBeLessThanOrEqual(Math.fround(bound))
    expect(largest).toBeGreaterThan(bound * 0.9999)
    const bins = new Array<number>(100).fill(0)
    for (const value of values) bins[Math.min(99, Math.floor(((value / bound + 1) / 2) * 100))]!++
    const chiSquare = bins.reduce((sum, n) => sum + (n - count / 100) ** 2 / (count / 100), 0)
    expect(chiSquare).toBeGreaterThan(50)
    expect(chiSquare).toBeLessThan(160)
    const lagged =
      values.reduce((sum, value, i) => sum + value * (values[i + 1] ?? 0), 0) / count / bound ** 2
    expect(Math.abs(lagged)).toBeLessThan(error)
  })

  it('can be constant', () => {
    expect([...initialValues(filledWith(1), 3, 0, 'x')]).toEqual([1, 1, 1])
  })
})
