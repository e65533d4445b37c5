import {
  DataError,
  type PhantomAnatomy,
  phantomImage,
  phantomSubject,
  preservation,
  type Shape3,
  SITE_STYLES,
  STRUCTURE_LIMIT,
  scaleIntensities,
} from '@voxnorm/data'
import { beforeAll, describe, expect, it } from 'vitest'

const shape: Shape3 = [54, 62, 48]
const spacing = [2.7, 2.7, 2.7] as const
const [nx, ny] = shape
let person: PhantomAnatomy
let stranger: PhantomAnatomy
let mask: Uint8Array
let labels: Uint8Array
let adult: Float32Array

const picture = (anatomy: PhantomAnatomy, style: keyof typeof SITE_STYLES, seed = 1) =>
  scaleIntensities(phantomImage(anatomy, SITE_STYLES[style], { seed }).data, anatomy.mask.data, 'max')
const compare = (before: Float32Array, after: Float32Array, classes?: Uint8Array) =>
  preservation(before, after, mask, shape, spacing, classes)
const distance = (i: number, [cx, cy, cz]: readonly number[]) =>
  2.7 * Math.hypot((i % nx) - cx!, (Math.floor(i / nx) % ny) - cy!, Math.floor(i / (nx * ny)) - cz!)

beforeAll(() => {
  person = phantomSubject({ seed: 4, subject: 0, shape, voxelSize: 2.7 })
  stranger = phantomSubject({ seed: 4, subject: 1, shape, voxelSize: 2.7 })
  mask = person.mask.data
  labels = person.label.data
  adult = picture(person, 'adult')
})

describe('preservation', () => {
  it('is perfect for an image that only changes in intensity, and for one with a slow sensitivity', () => {
    const slope = adult.map((v, i) => v * Math.exp((0.3 * (i % nx)) / nx))
    for (const after of [adult, adult.map((v) => 300 * v ** 0.7), adult.map((v) => 2 - v), slope]) {
      const { ssim, gradientCorrelation, edgeF1, structureIndex, changed } = compare(adult, after)
      expect(structureIndex).toBe(1)
      expect(changed.includes(1)).toBe(false)
      expect(Math.min(ssim, gradientCorrelation)).toBeGreaterThan(0.98)
      expect(edgeF1).toBeGreaterThan(0.95)
    }
  })

  it('accepts the styles of other sites, with labels where contrast is inverted', () => {
    for (const style of ['adult-bright', 'adult-thick', 'infant'] as const) {
      expect(compare(adult, picture(person, style, 7), labels).structureIndex).toBeGreaterThan(
        STRUCTURE_LIMIT,
      )
    }
    const infant = picture(person, 'infant', 3)
    expect(compare(infant, adult, labels).structureIndex).toBeGreaterThan(STRUCTURE_LIMIT)
    expect(compare(infant, adult).structureIndex).toBeLessThan(STRUCTURE_LIMIT)
  })

  it('refuses another anatomy, also when the labels follow it', () => {
    const other = picture(stranger, 'adult').map((v, i) => (mask[i] ? v : 0))
    const shifted = adult.map((_, i) => (i % nx > 0 && mask[i] ? adult[i - 1]! : 0))
    for (const before of [adult, picture(person, 'infant', 3)]) {
      expect(compare(before, other).structureIndex).toBeLessThan(0.85)
      expect(compare(before, other, stranger.label.data).structureIndex).toBeLessThan(0.85)
      expect(compare(before, shifted).structureIndex).toBeLessThan(0.95)
    }
  })

  it('marks a region whose tissues are exchanged', () => {
    const centre = [19, 30, 27]
    const after = adult.map((v, i) => {
      if (distance(i, centre) > 16 || labels[i]! < 2) return v
      return labels[i] === 2 ? v + 0.3 : v - 0.3
    })
    const { structureIndex, changed } = compare(adult, after)
    expect(structureIndex).toBeLessThan(0.985)
    const marked = Array.from(changed.keys()).filter((i) => changed[i])
    expect(marked.filter((i) => distance(i, centre) <= 16).length / marked.length).toBeGreaterThan(0.95)
  })

  it('marks exactly the ball that was inserted or removed', () => {
    const centre = [20, 30, 28]
    const inside = Array.from(mask.keys()).filter((i) => mask[i] && distance(i, centre) < 5)
    const ball = adult.slice()
    for (const i of inside) ball[i]! -= 0.3
    for (const [before, after] of [
      [adult, ball],
      [ball, adult],
    ] as const) {
      const { changed, residual, structureIndex } = compare(before, after)
      expect(Array.from(changed.keys()).filter((i) => changed[i])).toEqual(inside)
      const brain = mask.reduce((sum, value) => sum + value)
      expect(structureIndex).toBeCloseTo(1 - inside.length / brain, 9)
      expect(Math.sign(residual[inside[0]!]!)).toBe(before === adult ? -1 : 1)
    }
  })

  it('is 1 for another scan of the same person, and refuses bad sizes and empty masks', () => {
    expect(compare(adult, picture(person, 'adult', 2)).structureIndex).toBe(1)
    expect(() => preservation(adult, adult.slice(1), mask, shape, spacing)).toThrow(DataError)
    expect(() => preservation(adult, adult, new Uint8Array(mask.length), shape, spacing)).toThrow(DataError)
  })
})
