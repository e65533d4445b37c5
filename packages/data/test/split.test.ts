import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Subject } from '../src/datasets/dataset.ts'
import { ConfigError } from '../src/errors.ts'
import { assignSplits } from '../src/split.ts'

function site(name: string, count: number, split?: Subject['split']): Subject[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `s${index}`,
    site: name,
    images: { T1w: `${index}.nii` },
    ...(split === undefined ? {} : { split }),
  }))
}

function counts(subjects: readonly Subject[]): number[] {
  return ['train', 'validation', 'test'].map((part) => subjects.filter(({ split }) => split === part).length)
}

describe('assignSplits', () => {
  it.each([
    [1, [1, 0, 0]],
    [2, [1, 1, 0]],
    [3, [1, 1, 1]],
    [4, [2, 1, 1]],
    [5, [3, 1, 1]],
    [10, [6, 2, 2]],
    [1103, [662, 221, 220]],
  ])('divides %i subjects of a site', (count, expected) => {
    expect(counts(assignSplits(site('a', count), { seed: 1 }))).toEqual(expected)
  })

  it('depends on the seed and the site but not on the order of the rows', () => {
    const subjects = [...site('a', 9), ...site('b', 9)]
    const key = (options: { seed: number }, rows: readonly Subject[]) =>
      assignSplits(rows, options)
        .map(({ site: name, id, split }) => `${name} ${id} ${split}`)
        .sort()
    expect(key({ seed: 3 }, subjects.toReversed())).toEqual(key({ seed: 3 }, subjects))
    expect(key({ seed: 4 }, subjects)).not.toEqual(key({ seed: 3 }, subjects))
    const parts = assignSplits(subjects, { seed: 3 }).map(({ split }) => split)
    expect(parts.slice(0, 9)).not.toEqual(parts.slice(9))
  })

  it('keeps what the data set says and draws the rest', () => {
    const subjects = [...site('a', 2, 'test'), ...site('b', 5)]
    const assigned = assignSplits(subjects, { seed: 1 })
    expect(assigned.slice(0, 2).map(({ split }) => split)).toEqual(['test', 'test'])
    expect(counts(assigned.slice(2))).toEqual([3, 1, 1])
  })

  it('holds one site out and leaves the others as they are', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(),
        (a, b, seed) => {
          const subjects = [...site('a', a), ...site('b', b)]
          const plain = assignSplits(subjects, { seed })
          const folded = assignSplits(subjects, { seed, fold: 'loso:b' })
          expect(folded.slice(0, a)).toEqual(plain.slice(0, a))
          expect(counts(folded.slice(a))).toEqual([0, 0, b])
        },
      ),
    )
  })

  it.each(['loso:c', 'loso:', '3'])('refuses the fold %s', (fold) => {
    expect(() => assignSplits(site('a', 3), { seed: 1, fold })).toThrow(ConfigError)
    expect(() => assignSplits(site('a', 3), { seed: 1, fold })).toThrow('use one of loso:a')
  })
})
