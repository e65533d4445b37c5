import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../src/random.ts'
import { type ProbePatch, probeSites } from '../../src/statistics/site-probe.ts'

interface Cohort {
  readonly sites: number
  readonly subjects: number
  readonly patches: number
  readonly features: number
  /** Distance of the sites, in standard deviations of a patch; subjects differ by one. */
  readonly shift: number
  readonly seed: number
}

function cohort({ sites, subjects, patches, features, shift, seed }: Cohort): ProbePatch[] {
  const stream = randomStream(seed, 'cohort')
  return Array.from({ length: sites * subjects }, (_, number) => {
    const site = number % sites
    const person = Array.from({ length: features }, () => stream.normal())
    return Array.from({ length: patches }, () => ({
      site: `site-${site}`,
      subject: `s${Math.floor(number / sites)}`,
      // Features of very different size and offset, as deciles and noise are.
      features: person.map(
        (offset, feature) =>
          1000 * feature +
          10 ** (feature % 4) * (offset + stream.normal() + shift * ((site + feature) % sites)),
      ),
    }))
  }).flat()
}

/** Leave one subject out as the text books have it: standardise, covariance, ridge, inverse, nearest mean. */
function confusionByDefinition(patches: readonly ProbePatch[], sites: readonly string[]): number[][] {
  const confusion = sites.map(() => sites.map(() => 0))
  for (const held of patches) {
    const fold = patches.filter(({ site, subject }) => site !== held.site || subject !== held.subject)
    const columns = held.features.map((_, feature) => fold.map(({ features }) => features[feature]!))
    const centres = columns.map(average)
    const spreads = columns.map((column, feature) =>
      Math.sqrt(average(column.map((value) => (value - centres[feature]!) ** 2))),
    )
    const standard = (features: readonly number[]) =>
      features.map((value, feature) => (value - centres[feature]!) / spreads[feature]!)
    const rows = fold.map(({ site, features }) => ({ site, values: standard(features) }))
    const means = sites.map((name) => {
      const own = rows.filter(({ site }) => site === name)
      return held.features.map((_, feature) => average(own.map(({ values }) => values[feature]!)))
    })
    const residuals = rows.map(({ site, values }) =>
      values.map((value, feature) => value - means[sites.indexOf(site)]![feature]!),
    )
    const covariance = held.features.map((_, i) =>
      held.features.map(
        (_, j) => residuals.reduce((sum, row) => sum + row[i]! * row[j]!, 0) / (rows.length - sites.length),
      ),
    )
    const trace = average(covariance.map((row, index) => row[index]!))
    const inverse = invert(
      covariance.map((row, i) => row.map((value, j) => 0.9 * value + (i === j ? 0.1 * trace : 0))),
    )
    const distances = means.map((mean) => {
      const away = standard(held.features).map((value, feature) => value - mean[feature]!)
      return away.reduce(
        (sum, a, i) => sum + away.reduce((part, b, j) => part + a * inverse[i]![j]! * b, 0),
        0,
      )
    })
    confusion[sites.indexOf(held.site)]![distances.indexOf(Math.min(...distances))]!++
  }
  return confusion
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Gauss and Jordan, with pivots. */
function invert(matrix: readonly (readonly number[])[]): number[][] {
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (let column = 0; column < rows.length; column++) {
    const pivot = rows
      .slice(column)
      .reduce((best, row) => (Math.abs(row[column]!) > Math.abs(best[column]!) ? row : best))
    rows.splice(rows.indexOf(pivot), 1)
    rows.splice(
      column,
      0,
      pivot.map((value) => value / pivot[column]!),
    )
    rows.forEach((row, index) => {
      if (index === column) return
      const factor = row[column]!
      rows[index] = row.map((value, k) => value - factor * rows[column]![k]!)
    })
  }
  return rows.map((row) => row.slice(rows.length))
}

describe('probeSites', () => {
  it('equals the definition', () => {
    const cases = fc.record({
      sites: fc.integer({ min: 2, max: 3 }),
      subjects: fc.integer({ min: 2, max: 4 }),
      patches: fc.integer({ min: 2, max: 4 }),
      features: fc.integer({ min: 1, max: 5 }),
      shift: fc.double({ min: 0, max: 3, noNaN: true }),
      seed: fc.nat(),
    })
    fc.assert(
      fc.property(cases, (drawn) => {
        const patches = cohort(drawn)
        const { confusion, sites, accuracy, subjects } = probeSites(patches, { seed: 1, permutations: 0 })
        expect(sites).toEqual(Array.from({ length: drawn.sites }, (_, site) => `site-${site}`))
        expect(subjects).toBe(drawn.sites * drawn.subjects)
        expect(confusion).toEqual(confusionByDefinition(patches, sites))
        const right = confusion.reduce((sum, row, site) => sum + row[site]!, 0)
        expect(accuracy).toBeCloseTo(right / patches.length, 12)
      }),
      { numRuns: 40 },
    )
  })

  it('recognises sites that are far apart, and is sure of it', () => {
    const patches = cohort({ sites: 2, subjects: 6, patches: 5, features: 3, shift: 12, seed: 1 })
    const probe = probeSites(patches, { seed: 1 })
    expect(probe).toMatchObject({
      accuracy: 1,
      chance: 0.5,
      subjects: 12,
      confusion: [
        [30, 0],
        [0, 30],
      ],
    })
    // Of 924 ways to deal out the sites 2 keep the groups together.
    expect(probe.p).toBeLessThan(0.03)
  })

  it('finds nothing in sites that do not differ, though every subject is like itself', () => {
    const probes = Array.from({ length: 40 }, (_, seed) =>
      probeSites(cohort({ sites: 2, subjects: 6, patches: 8, features: 3, shift: 0, seed }), {
        seed,
        permutations: 39,
      }),
    )
    expect(Math.abs(average(probes.map(({ accuracy }) => accuracy)) - 0.5)).toBeLessThan(0.08)
    // p is uniform: 0.05 or less in 2 of 40 on average, and more than 7 once in a thousand.
    expect(probes.filter(({ p }) => p <= 0.05).length).toBeLessThanOrEqual(7)
    expect(Math.abs(average(probes.map(({ p }) => p)) - 0.5)).toBeLessThan(0.16)
  })

  it('weighs sites alike, however many patches they have', () => {
    const far = cohort({ sites: 2, subjects: 4, patches: 2, features: 1, shift: 50, seed: 3 })
    const swapped = far.map((patch) => ({
      ...patch,
      // One subject of the first site looks as the second site does.
      features: patch.subject === 's0' ? far.find(({ site }) => site === 'site-1')!.features : patch.features,
    }))
    const few = swapped.filter(
      ({ site, subject }, index) => site === 'site-0' || subject === 's1' || index % 2,
    )
    expect(probeSites(few, { seed: 1, permutations: 1 }).accuracy).toBe((3 / 4 + 1) / 2)
  })

  it('leaves out sites with one subject, and says nothing about a single site', () => {
    const patches = cohort({ sites: 3, subjects: 2, patches: 2, features: 2, shift: 9, seed: 4 })
    const lone = patches.filter(({ site, subject }) => site !== 'site-1' || subject === 's0')
    expect(probeSites(lone, { seed: 1 })).toMatchObject({ sites: ['site-0', 'site-2'], subjects: 4 })
    const single = probeSites(
      patches.filter(({ site }) => site === 'site-0'),
      { seed: 1 },
    )
    expect(single).toEqual({
      accuracy: Number.NaN,
      chance: Number.NaN,
      p: Number.NaN,
      confusion: [[0]],
      sites: ['site-0'],
      subjects: 2,
    })
    expect(probeSites([], { seed: 1 })).toMatchObject({ sites: [], subjects: 0, accuracy: Number.NaN })
  })

  it('bears features that never vary', () => {
    const patches = cohort({ sites: 2, subjects: 3, patches: 2, features: 2, shift: 20, seed: 5 }).map(
      (patch) => ({ ...patch, features: [...patch.features, 7, patch.site === 'site-0' ? 1 : 2] }),
    )
    expect(probeSites(patches, { seed: 1, permutations: 5 }).accuracy).toBe(1)
    const same = patches.map((patch) => ({ ...patch, features: [3, 3] }))
    expect(probeSites(same, { seed: 1, permutations: 5 })).toMatchObject({ accuracy: 0.5, p: 1 })
  })

  it('refuses features that are missing or not finite', () => {
    const patches = cohort({ sites: 2, subjects: 2, patches: 1, features: 2, shift: 1, seed: 6 })
    expect(() => probeSites([...patches, { ...patches[0]!, features: [1] }], { seed: 1 })).toThrow(RangeError)
    expect(() => probeSites([{ ...patches[0]!, features: [1, Number.NaN] }], { seed: 1 })).toThrow('finite')
  })
})
