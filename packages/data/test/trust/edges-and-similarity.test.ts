import { randomStream, type Shape3 } from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { edgeAgreement } from '../../src/trust/edges.ts'
import { structuralSimilarity } from '../../src/trust/ssim.ts'

const shape: Shape3 = [10, 9, 8]
const [nx, ny] = shape
const count = 720
const random = randomStream(2, 'ssim')
const noise = Float32Array.from({ length: count }, () => random.uniform())
const other = noise.map((v) => 0.5 * v + 0.4 * random.uniform())
const everywhere = new Uint8Array(count).fill(1)
const holes = everywhere.map(() => (random.uniform() < 0.8 ? 1 : 0))
const place = (i: number) => [i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny))]

/** Wang's formula, window by window. */
function slowSimilarity(a: Float32Array, b: Float32Array, mask: Uint8Array): number {
  const inside = Array.from(a.keys()).filter((i) => mask[i])
  const all = inside.flatMap((i) => [a[i]!, b[i]!])
  const low = Math.min(...all)
  const range = Math.max(...all) - low
  const mean = (list: number[]) => list.reduce((sum, v) => sum + v, 0) / list.length
  const values = inside.map((i) => {
    const near = inside.filter((j) => place(j).every((c, axis) => Math.abs(c - place(i)[axis]!) <= 3))
    const x = near.map((j) => (a[j]! - low) / range)
    const y = near.map((j) => (b[j]! - low) / range)
    const [mx, my] = [mean(x), mean(y)]
    const covariance = mean(x.map((v, k) => (v - mx) * (y[k]! - my)))
    const [vx, vy] = [mean(x.map((v) => (v - mx) ** 2)), mean(y.map((v) => (v - my) ** 2))]
    return (
      ((2 * mx * my + 0.0001) * (2 * covariance + 0.0009)) /
      ((mx ** 2 + my ** 2 + 0.0001) * (vx + vy + 0.0009))
    )
  })
  return mean(values)
}

describe('structuralSimilarity', () => {
  it('equals the published formula over windows that count the mask alone', () => {
    for (const mask of [everywhere, holes]) {
      expect(structuralSimilarity(noise, other, mask, shape)).toBeCloseTo(
        slowSimilarity(noise, other, mask),
        5,
      )
    }
  })

  it('is 1 for equal images and does not depend on a common offset and scale', () => {
    expect(structuralSimilarity(noise, noise, holes, shape)).toBeCloseTo(1, 9)
    const far = (image: Float32Array) => image.map((v) => 1000 * v - 300)
    expect(structuralSimilarity(far(noise), far(other), holes, shape)).toBeCloseTo(
      structuralSimilarity(noise, other, holes, shape),
      4,
    )
  })
})

describe('edgeAgreement', () => {
  const stepAt = (border: number, axis = 0) =>
    Float32Array.from({ length: count }, (_, i) => (place(i)[axis]! >= border ? 1 : 0))
  const compare = (a: Float32Array, b: Float32Array) => edgeAgreement(a, b, everywhere, shape, [1, 1, 1])

  it('is 1 for equal images, and for those that differ in offset and contrast', () => {
    for (const b of [noise, noise.map((v) => 5 - 2 * v)]) {
      const { gradientCorrelation, edgeF1 } = compare(noise, b)
      expect(gradientCorrelation).toBeCloseTo(1, 5)
      expect(edgeF1).toBe(1)
    }
  })

  it('matches an edge within one voxel and not within three', () => {
    expect(compare(stepAt(4), stepAt(5)).edgeF1).toBe(1)
    expect(compare(stepAt(3), stepAt(7)).edgeF1).toBe(0)
    expect(compare(stepAt(3), stepAt(7)).gradientCorrelation).toBeLessThan(0)
  })

  it('correlates Sobel gradients in mm, inside the mask eroded by its 26 neighbours', () => {
    const spacing = [1, 2, 3] as const
    const weight = (offsets: number[], axis: number) =>
      offsets.reduce((w, offset, other) => w * (other === axis ? offset : 2 - Math.abs(offset)), 1) /
      (32 * spacing[axis]!)
    const slow = (image: Float32Array, mask: Uint8Array) =>
      Array.from(image.keys()).flatMap((i) => {
        const near = Array.from(image.keys()).filter((j) =>
          place(j).every((c, axis) => Math.abs(c - place(i)[axis]!) <= 1),
        )
        if (near.length < 27 || near.some((j) => !mask[j])) return []
        const parts = [0, 1, 2].map((axis) =>
          near.reduce(
            (g, j) =>
              g +
              image[j]! *
                weight(
                  place(j).map((c, o) => c - place(i)[o]!),
                  axis,
                ),
            0,
          ),
        )
        return [Math.hypot(...parts)]
      })
    const pearson = (x: number[], y: number[]) => {
      const mean = (list: number[]) => list.reduce((sum, v) => sum + v, 0) / list.length
      const product = (p: number[], q: number[]) => mean(p.map((v, k) => (v - mean(p)) * (q[k]! - mean(q))))
      return product(x, y) / Math.sqrt(product(x, x) * product(y, y))
    }
    const mask = everywhere.map((_, i) => (i % 97 === 0 ? 0 : 1))
    expect(edgeAgreement(noise, other, mask, shape, spacing).gradientCorrelation).toBeCloseTo(
      pearson(slow(noise, mask), slow(other, mask)),
      5,
    )
  })

  it('has no edges to disagree about in flat images', () => {
    const flat = new Float32Array(count)
    expect(compare(flat, flat)).toEqual({ gradientCorrelation: Number.NaN, edgeF1: 1 })
    expect(compare(flat, noise).edgeF1).toBe(0)
  })
})
