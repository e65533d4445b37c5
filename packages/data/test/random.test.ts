import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { permutation, philox, randomStream } from '../src/random.ts'

describe('philox', () => {
  // Known answers published with the Random123 library (kat_vectors, philox4x32 10).
  it.each([
    [
      [0, 0, 0, 0, 0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [Array(6).fill(0xffffffff), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('gives the known answer for %j', (input, answer) => {
    const [a, b, c, d, key0, key1] = input as [number, number, number, number, number, number]
    expect(philox([a, b, c, d], key0, key1)).toEqual(answer)
  })
})

describe('randomStream', () => {
  it('is a function of its address alone', () => {
    const first = randomStream(42, 'patch', 'siteA', 7)
    const other = randomStream(42, 'augment', 'siteA', 7)
    const again = randomStream(42, 'patch', 'siteA', 7)
    const draws = Array.from({ length: 9 }, () => [first.uniform(), other.uniform()])
    expect(draws.map(([value]) => value)).toEqual(Array.from({ length: 9 }, () => again.uniform()))
    expect(draws.some(([a, b]) => a === b)).toBe(false)
  })

  it('keeps addresses apart', () => {
    const addresses: (number | string)[][] = [
      [],
      [1],
      ['1'],
      [1, 2],
      ['12'],
      ['1', '2'],
      [0.5],
      ['ab'],
      ['a', 'b'],
      ['ab\0'],
      [-1],
    ]
    const firsts = addresses.map((path) => randomStream(3, ...path).uniform())
    expect(new Set(firsts).size).toBe(addresses.length)
    expect(randomStream(4, 'ab').uniform()).not.toBe(randomStream(3, 'ab').uniform())
  })

  it('stays what it is from release to release', () => {
    const stream = randomStream(42, 'pinned', 1)
    expect([stream.integer(1000), stream.integer(1000), stream.integer(1000)]).toMatchInlineSnapshot(`
      [
        200,
        262,
        260,
      ]
    `)
  })

  it('draws uniform, integer and normal numbers with the right moments', () => {
    const stream = randomStream(1, 'moments')
    const count = 40_000
    const counts = new Array<number>(7).fill(0)
    let sum = 0
    let normalSum = 0
    let normalSquares = 0
    for (let i = 0; i < count; i++) {
      sum += stream.uniform()
      const deviate = stream.normal()
      normalSum += deviate
      normalSquares += deviate * deviate
      counts[stream.integer(7)]!++
    }
    expect(Math.abs(sum / count - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / count))
    expect(Math.abs(normalSum / count)).toBeLessThan(5 / Math.sqrt(count))
    expect(Math.abs(normalSquares / count - 1)).toBeLessThan(5 * Math.sqrt(2 / count))
    const expected = count / 7
    const chiSquare = counts.reduce((total, n) => total + (n - expected) ** 2 / expected, 0)
    expect(chiSquare).toBeLessThan(30)
  })

  it('shuffles into all orders equally often and leaves its argument alone', () => {
    const stream = randomStream(5, 'orders')
    const items = ['a', 'b', 'c', 'd']
    const counts = new Map<string, number>()
    for (let i = 0; i < 12_000; i++) {
      const order = stream.shuffle(items).join('')
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(items).toEqual(['a', 'b', 'c', 'd'])
    expect(counts.size).toBe(24)
    const chiSquare = [...counts.values()].reduce((total, n) => total + (n - 500) ** 2 / 500, 0)
    expect(chiSquare).toBeLessThan(60)
  })

  it.each([0, -1, 1.5, 2 ** 32 + 1])('refuses %s choices', (n) => {
    expect(() => randomStream(1).integer(n)).toThrow(RangeError)
  })
})

describe('permutation', () => {
  it('is a bijection in every pass', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.integer(), fc.nat(3), (size, seed, pass) => {
        const order = permutation(size, seed, 'p')
        const images = Array.from({ length: size }, (_, i) => order.at(pass * size + i))
        expect(images.slice().sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i))
      }),
      { numRuns: 60 },
    )
  })

  it('sends an index everywhere equally often over the seeds', () => {
    const counts = new Array<number>(10).fill(0)
    const pairs = new Set<string>()
    for (let seed = 0; seed < 5000; seed++) {
      const order = permutation(10, seed)
      counts[order.at(3)]!++
      pairs.add(`${order.at(0)},${order.at(1)}`)
    }
    const chiSquare = counts.reduce((total, n) => total + (n - 500) ** 2 / 500, 0)
    expect(chiSquare).toBeLessThan(35)
    expect(pairs.size).toBe(90)
  })

  it('handles sizes up to 2^32 and orders passes differently', () => {
    const large = permutation(2 ** 32, 9)
    const images = Array.from({ length: 1000 }, (_, i) => large.at(i))
    expect(new Set(images).size).toBe(1000)
    expect(images.every((image) => image >= 0 && image < 2 ** 32)).toBe(true)
    const small = permutation(50, 9)
    const passes = [0, 1].map((pass) => Array.from({ length: 50 }, (_, i) => small.at(pass * 50 + i)))
    expect(passes[0]).not.toEqual(passes[1])
  })
})
