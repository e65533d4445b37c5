import { expect, it } from 'vitest'
import { driftOf, growsBeyond } from '../../bench/drift.ts'

const x = Array.from({ length: 19 }, (_, index) => 0.1 * (index + 2))
/** As many values above a line as below it, the same everywhere. */
const noise = (index: number) => [1, -1, -1, 1][index % 4]!

it('finds the slope of a line, without an error', () => {
  const { slope, error } = driftOf(
    x,
    x.map((at) => 7 - 3 * at),
  )
  expect(slope).toBeCloseTo(-3, 12)
  expect(error).toBeCloseTo(0, 6)
})

it('gives the error that textbooks give', () => {
  // Residuals -0.2, 0.4, -0.2 around 0.9 + 1.1 x: s² = 0.24, spread 2.
  const { slope, error } = driftOf([0, 1, 2], [0.7, 2.4, 2.9])
  expect(slope).toBeCloseTo(1.1, 12)
  expect(error).toBeCloseTo(Math.sqrt(0.24 / 1 / 2), 12)
})

it('tells growth from noise', () => {
  const grown = (by: number, loudness: number) =>
    driftOf(
      x,
      x.map((at, index) => 100 + by * at + loudness * noise(index)),
    )
  expect(growsBeyond(grown(0, 1), 0.5)).toBe(false)
  expect(growsBeyond(grown(2, 1), 0.5)).toBe(true)
  // The same growth, but nobody could tell.
  expect(growsBeyond(grown(2, 10), 0.5)).toBe(false)
  expect(growsBeyond(grown(-9, 1), 0.5)).toBe(false)
})
