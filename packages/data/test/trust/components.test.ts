import { connectedComponents, type Shape3 } from '@voxnorm/data'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const masks = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape as Shape3),
      mask: fc.array(fc.constantFrom(0, 1), {
        minLength: shape[0] * shape[1] * shape[2],
        maxLength: shape[0] * shape[1] * shape[2],
      }),
    }),
  )

/** Spreads the smallest index of each part over it until nothing changes. */
function bruteForce(mask: number[], [nx, ny, nz]: Shape3): number[] {
  const place = (i: number) => [i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny))]
  const touching = (i: number, j: number) =>
    place(i).reduce((sum, c, axis) => sum + Math.abs(c - place(j)[axis]!), 0) === 1
  const least = mask.map((inside, i) => (inside ? i : -1))
  for (let changed = true; changed; ) {
    changed = false
    for (let i = 0; i < nx * ny * nz; i++) {
      for (let j = 0; j < i; j++) {
        if (!mask[i] || !mask[j] || !touching(i, j) || least[i] === least[j]) continue
        least[i] = least[j] = Math.min(least[i]!, least[j]!)
        changed = true
      }
    }
  }
  return least
}

describe('connectedComponents', () => {
  it('finds the parts that brute force finds, numbered in the order of memory', () => {
    fc.assert(
      fc.property(masks, ({ mask, shape }) => {
        const least = bruteForce(mask, shape)
        const seeds = [...new Set(least.filter((seed) => seed >= 0))].sort((a, b) => a - b)
        const { labels, sizes } = connectedComponents(mask, shape)
        expect(Array.from(labels)).toEqual(least.map((seed) => seeds.indexOf(seed) + 1))
        expect(sizes).toEqual(seeds.map((seed) => least.filter((other) => other === seed).length))
      }),
      { numRuns: 80 },
    )
  })

  it('fills a part of more voxels than its first stack holds', () => {
    expect(connectedComponents(new Uint8Array(40 ** 3).fill(1), [40, 40, 40]).sizes).toEqual([64000])
  })
})
