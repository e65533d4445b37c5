import { DataError, lesionRetention, plantLesions, randomStream, type Shape3 } from '@voxnorm/data'
import { describe, expect, it } from 'vitest'

const shape: Shape3 = [40, 36, 32]
const spacing = [1.2, 1.2, 1.5] as const
const [nx, ny] = shape
const count = 40 * 36 * 32
const random = randomStream(8, 'lesions')
const image = Float32Array.from({ length: count }, () => random.normal())
const mask = image.map((_, i) => (i % nx > 2 && i % nx < 37 ? 1 : 0))
const brain = Uint8Array.from(mask)
const labels = brain.map((inside, i) => (inside ? 2 + (i % 2) : 0))
const plant = (seed: number) => plantLesions(image, brain, labels, shape, spacing, { seed })
const farFrom = (i: number, centre: readonly number[]) =>
  Math.hypot(
    spacing[0] * ((i % nx) - centre[0]!),
    spacing[1] * ((Math.floor(i / nx) % ny) - centre[1]!),
    spacing[2] * (Math.floor(i / (nx * ny)) - centre[2]!),
  )

describe('plantLesions', () => {
  it('plants six separate balls of 3 to 10 mm, bright and dark, inside tissue and nowhere else', () => {
    for (let seed = 0; seed < 5; seed++) {
      const { image: planted, lesions } = plant(seed)
      expect(lesions.map(({ contrast }) => Math.sign(contrast))).toEqual([1, -1, 1, -1, 1, -1])
      for (const lesion of lesions) {
        expect(lesion.diameter).toBeGreaterThanOrEqual(3)
        expect(lesion.diameter).toBeLessThanOrEqual(10)
        const [x, y, z] = lesion.centre
        const voxel = x + nx * (y + ny * z)
        expect(planted[voxel]! - image[voxel]!).toBeCloseTo(lesion.contrast, 5)
      }
      planted.forEach((value, i) => {
        if (value === image[i]) return
        expect(brain[i]).toBe(1)
        expect(lesions.some(({ centre, diameter }) => farFrom(i, centre) < diameter / 2 + 0.5)).toBe(true)
      })
      const voxelOf = ({ centre: [x, y, z] }: (typeof lesions)[number]) => x + nx * (y + ny * z)
      lesions.forEach((a, k) => {
        for (const b of lesions.slice(0, k)) {
          expect(farFrom(voxelOf(a), b.centre)).toBeGreaterThan((a.diameter + b.diameter) / 2)
        }
      })
    }
  })

  it('repeats itself with the same seed only', () => {
    expect(plant(1)).toEqual(plant(1))
    expect(plant(1).lesions).not.toEqual(plant(2).lesions)
  })

  it('needs tissue', () => {
    expect(() => plantLesions(image, brain, new Uint8Array(count), shape, spacing, { seed: 1 })).toThrow(
      DataError,
    )
  })
})

describe('lesionRetention', () => {
  const { image: planted, lesions } = plant(3)
  const judge = (after: { clean: Float32Array; planted: Float32Array }) =>
    lesionRetention({ clean: image, planted }, after, lesions, brain, shape, spacing)

  it('is 1 for a change of scale, 0 for a normaliser that removes lesions, and the share between', () => {
    const scaled = (share: number) => ({
      clean: image.map((v) => 7 * v + 2),
      planted: image.map((v, i) => 7 * (v + share * (planted[i]! - v)) + 2),
    })
    for (const share of [1, 0, 0.4, -0.5]) {
      const { retention, invented } = judge(scaled(share))
      for (const kept of retention) expect(kept).toBeCloseTo(share, 4)
      expect(invented).toBe(0)
    }
  })

  it('counts what is invented far from lesions, as a share of the rest of the brain', () => {
    const invention = planted.slice()
    const rest = Array.from(brain.keys()).filter(
      (i) => brain[i] && lesions.every(({ centre, diameter }) => farFrom(i, centre) > diameter / 2 + 5),
    )
    for (const i of rest.slice(0, 100)) invention[i]! += 0.5
    for (const i of rest.slice(100, 300)) invention[i]! += 0.1
    expect(judge({ clean: image, planted: invention }).invented).toBeCloseTo(100 / rest.length, 9)
    expect(judge({ clean: image, planted }).invented).toBe(0)
  })
})
