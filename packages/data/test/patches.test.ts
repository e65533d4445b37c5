import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Triple } from '../src/axes.ts'
import { batchSchedule } from '../src/batches.ts'
import { DataError } from '../src/errors.ts'
import { IDENTITY_AFFINE } from '../src/image/volume.ts'
import { extractPatch, patchSampler } from '../src/patches.ts'
import type { PreparedSubject } from '../src/prepare-subject.ts'
import { randomStream } from '../src/random.ts'

/** A subject with random labels, of which about `share` are foreground. */
function subject(id: string, site: string, shape: Triple, share: number, channels = 1): PreparedSubject {
  const stream = randomStream(1, id, site)
  const count = shape[0] * shape[1] * shape[2]
  const label = Uint8Array.from({ length: count }, () =>
    stream.uniform() < share ? 1 + stream.integer(3) : 0,
  )
  const image = Float32Array.from({ length: count * channels }, () => stream.uniform())
  return {
    id,
    site,
    shape,
    channels,
    image,
    label,
    mask: label.map(Math.sign),
    affine: IDENTITY_AFFINE,
    brain: { source: 'file', litres: 1, pieces: 1, plausible: true },
    warnings: [],
  }
}

/** Corners of all windows with a foreground centre, found by brute force. */
function eligible({ shape, label }: PreparedSubject, patch: number): string[] {
  const found: string[] = []
  const half = Math.floor(patch / 2)
  for (let z = 0; z < shape[0]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      for (let x = 0; x < shape[2]; x++) {
        if (label![(z * shape[1] + y) * shape[2] + x]! > 0) found.push(`${z - half} ${y - half} ${x - half}`)
      }
    }
  }
  return found
}

const SUBJECTS = [
  subject('a1', 'a', [9, 8, 11], 0.3),
  subject('a2', 'a', [7, 12, 6], 0.05),
  subject('b1', 'b', [6, 6, 6], 0.5),
]

describe('patchSampler', () => {
  it.each([4, 5])('draws every eligible centre of side %i once before any twice', (patch) => {
    const sampler = patchSampler(SUBJECTS, { patch, seed: 42 })
    expect(sampler.sites).toEqual(['a', 'b'])
    sampler.sites.forEach((site, number) => {
      const members = SUBJECTS.filter((member) => member.site === site)
      const expected = members.flatMap((member) =>
        eligible(member, patch).map((corner) => `${member.id} ${corner}`),
      )
      for (const pass of [0, 1]) {
        const drawn = expected.map((_, index) => sampler.draw(number, pass * expected.length + index))
        const names = drawn.map((draw) => `${draw.subject.id} ${draw.corner.join(' ')}`)
        expect(names.sort()).toEqual(expected.toSorted())
        expect(drawn.every((draw) => draw.site === number)).toBe(true)
      }
    })
  })

  it('is the same whatever was drawn before, and different for another seed or site', () => {
    const first = patchSampler(SUBJECTS, { patch: 4, seed: 42 })
    const again = patchSampler(SUBJECTS, { patch: 4, seed: 42 })
    first.draw(1, 3)
    const corners = (sampler: typeof first, site: number) =>
      Array.from({ length: 12 }, (_, index) => sampler.draw(site, 11 - index).corner)
    expect(corners(first, 0)).toEqual(corners(again, 0))
    expect(corners(patchSampler(SUBJECTS, { patch: 4, seed: 43 }), 0)).not.toEqual(corners(first, 0))
    const twins = patchSampler([SUBJECTS[2]!, { ...SUBJECTS[2]!, site: 'c' }], { patch: 4, seed: 42 })
    expect(corners(twins, 0)).not.toEqual(corners(twins, 1))
  })

  it('puts a foreground voxel into the middle of every patch', () => {
    const sampler = patchSampler(SUBJECTS, { patch: 8, seed: 1 })
    const image = new Float32Array(512)
    const label = new Uint8Array(512)
    for (let index = 0; index < 60; index++) {
      extractPatch(sampler.draw(index % 2, index), 8, image, 0, label, 0)
      expect(label[(4 * 8 + 4) * 8 + 4]).toBeGreaterThan(0)
    }
  })

  it('takes the order of the sites from the caller', () => {
    const sampler = patchSampler(SUBJECTS, { patch: 4, seed: 42, sites: ['b', 'a'] })
    expect(sampler.draw(0, 0).subject.site).toBe('b')
  })

  it('refuses subjects that cannot be sampled', () => {
    const { label: _, ...bare } = SUBJECTS[0]!
    const empty = { ...SUBJECTS[2]!, label: new Uint8Array(216) }
    expect(() => patchSampler([bare], { patch: 4, seed: 1 })).toThrow(DataError)
    expect(() => patchSampler([bare], { patch: 4, seed: 1 })).toThrow('a1 of site a has no label')
    expect(() => patchSampler([empty], { patch: 4, seed: 1 })).toThrow(
      'site b have no voxel with a tissue label',
    )
  })
})

describe('extractPatch', () => {
  it('copies image and label into their places of a batch, zero outside the volume', () => {
    const corner = fc.tuple(
      fc.integer({ min: -3, max: 8 }),
      fc.integer({ min: -3, max: 8 }),
      fc.integer({ min: -3, max: 8 }),
    )
    const two = subject('t', 't', [5, 6, 7], 0.5, 2)
    fc.assert(
      fc.property(corner, fc.integer({ min: 1, max: 5 }), (start, side) => {
        const image = new Float32Array(side ** 3 * 2 + 6).fill(9)
        const label = new Uint8Array(side ** 3 + 4).fill(9)
        extractPatch({ subject: two, corner: start }, side, image, 4, label, 3)
        expect([...image.slice(0, 4), ...image.slice(-2), ...label.slice(0, 3), ...label.slice(-1)]).toEqual(
          Array(10).fill(9),
        )
        for (let index = 0; index < side ** 3; index++) {
          const z = start[0] + Math.floor(index / side ** 2)
          const y = start[1] + (Math.floor(index / side) % side)
          const x = start[2] + (index % side)
          const inside = z >= 0 && z < 5 && y >= 0 && y < 6 && x >= 0 && x < 7
          const voxel = (z * 6 + y) * 7 + x
          expect(label[3 + index]).toBe(inside ? two.label![voxel] : 0)
          expect(image[4 + 2 * index]).toBe(inside ? two.image[2 * voxel] : 0)
          expect(image[5 + 2 * index]).toBe(inside ? two.image[2 * voxel + 1] : 0)
        }
      }),
    )
  })
})

describe('batchSchedule', () => {
  it('has the 1,111 iterations of the paper', () => {
    const schedule = batchSchedule({ sites: 2, patchesPerSite: 40_000, batch: 72, seed: 42 })
    expect(schedule.iterationsPerEpoch).toBe(1111)
    const batch = schedule.batchAt(3, 1110, 2)
    expect(batch).toHaveLength(72)
    expect(batch.filter(({ site }) => site === 0)).toHaveLength(36)
    expect(schedule.batchAt(3, 1110, 2)).toEqual(batch)
    for (const other of [
      schedule.batchAt(4, 1110, 2),
      schedule.batchAt(3, 1109, 2),
      schedule.batchAt(3, 1110, 1),
    ]) {
      expect(other).not.toEqual(batch)
    }
  })

  const settings = fc.record({
    sites: fc.integer({ min: 1, max: 4 }),
    patchesPerSite: fc.integer({ min: 5, max: 30 }),
    batch: fc.integer({ min: 1, max: 5 }),
    seed: fc.integer(),
  })

  it.each(['balanced', 'shuffled'] as const)('uses every patch at most once in a %s epoch', (composition) => {
    fc.assert(
      fc.property(settings, fc.nat(3), (options, epoch) => {
        const { iterationsPerEpoch, batchAt } = batchSchedule({ ...options, composition })
        const entries = Array.from({ length: iterationsPerEpoch }, (_, i) => batchAt(epoch, i, 0)).flat()
        const names = new Set(entries.map(({ site, index }) => `${site} ${index}`))
        expect(names.size).toBe(entries.length)
        expect(options.sites * options.patchesPerSite - names.size).toBeLessThan(options.batch)
        expect(
          entries.every(({ site, index }) => site < options.sites && index < options.patchesPerSite),
        ).toBe(true)
      }),
    )
  })

  it('balances every batch to within one patch', () => {
    fc.assert(
      fc.property(settings, fc.nat(50), (options, iteration) => {
        const batch = batchSchedule(options).batchAt(0, iteration, 1)
        const counts = Array.from(
          { length: options.sites },
          (_, n) => batch.filter(({ site }) => site === n).length,
        )
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('refuses pools smaller than a batch', () => {
    expect(() => batchSchedule({ sites: 2, patchesPerSite: 10, batch: 21, seed: 1 })).toThrow(
      'smaller than one batch',
    )
  })
})
