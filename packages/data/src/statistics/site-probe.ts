import { randomStream } from '../random.ts'
import { discriminantFolds, sumSubject } from './discriminant.ts'

/** A patch as the probe sees it. */
export interface ProbePatch {
  readonly site: string
  /** Tells the subjects of a site apart. */
  readonly subject: string
  /** As many for every patch, and finite; see `patchFeatures`. */
  readonly features: readonly number[]
}

/** What {@link probeSites} found. */
export interface SiteProbe {
  /** Mean over the sites of the share of their patches that were recognised. */
  readonly accuracy: number
  /** Accuracy of guessing: 1 / number of sites. */
  readonly chance: number
  /** Probability of this accuracy or a higher one if the subjects' sites were dealt out by chance. */
  readonly p: number
  /** Numbers of patches: rows are the true sites, columns the guessed ones. */
  readonly confusion: readonly (readonly number[])[]
  /** The sites that were judged, in alphabetical order. */
  readonly sites: readonly string[]
  /** Number of subjects of these sites. */
  readonly subjects: number
}

/**
 * How well a classifier tells the site of patches of subjects whom it has not seen: an independent judge of what is left
 * of the scanners, as the discriminator of a training is the one that the generator learnt to deceive.
 *
 * A regularised linear discriminant, leave one subject out. p is that of a permutation test which deals the sites out to
 * whole subjects, (1 + permutations that are as accurate) / (1 + permutations) (Phipson & Smyth 2010): patches of one
 * subject resemble each other, and dealing out patches would find every difference significant. Sites with fewer than two
 * subjects are left out; accuracy, chance and p are NaN unless two sites remain. Throws RangeError for features of
 * different length or that are not finite.
 */
export function probeSites(
  patches: readonly ProbePatch[],
  { seed, permutations = 199 }: { readonly seed: number; readonly permutations?: number },
): SiteProbe {
  assertFeatures(patches)
  const all = groupSubjects(patches)
  const count = (wanted: string) => all.filter(({ site }) => site === wanted).length
  const sites = [...new Set(all.map(({ site }) => site))].filter((site) => count(site) > 1).sort()
  const judged = all.filter(({ site }) => sites.includes(site))
  const found = { sites, subjects: judged.length }
  if (sites.length < 2) {
    const confusion = sites.map(() => sites.map(() => 0))
    return { accuracy: Number.NaN, chance: Number.NaN, p: Number.NaN, confusion, ...found }
  }

  const subjects = standardise(judged.map(({ rows }) => rows)).map(sumSubject)
  const confusionOf = discriminantFolds(subjects, sites.length)
  const truth = judged.map(({ site }) => sites.indexOf(site))
  const confusion = confusionOf(truth)
  const accuracy = balancedAccuracy(confusion)
  let asAccurate = 0
  for (let permutation = 0; permutation < permutations; permutation++) {
    const dealt = randomStream(seed, 'site-probe', permutation).shuffle(truth)
    // Equal shares may differ in their last bit by the order of adding.
    if (balancedAccuracy(confusionOf(dealt)) >= accuracy - 1e-12) asAccurate++
  }
  const p = (1 + asAccurate) / (1 + permutations)
  return { accuracy, chance: 1 / sites.length, p, confusion, ...found }
}

function assertFeatures(patches: readonly ProbePatch[]): void {
  const length = patches[0]?.features.length
  for (const { site, subject, features } of patches) {
    if (features.length === length && features.every(Number.isFinite)) continue
    throw new RangeError(`The patches of ${subject} of ${site} need ${length} finite features each.`)
  }
}

/** The features of each subject's patches; subjects of two sites are two, whatever they are called. */
function groupSubjects(patches: readonly ProbePatch[]): { site: string; rows: (readonly number[])[] }[] {
  const groups = new Map<string, { site: string; rows: (readonly number[])[] }>()
  for (const { site, subject, features } of patches) {
    const key = JSON.stringify([site, subject])
    const group = groups.get(key) ?? { site, rows: [] }
    group.rows.push(features)
    groups.set(key, group)
  }
  return [...groups.values()]
}

function balancedAccuracy(confusion: readonly (readonly number[])[]): number {
  const shares = confusion.map((row, site) => row[site]! / row.reduce((sum, count) => sum + count, 0))
  return shares.reduce((sum, share) => sum + share, 0) / shares.length
}

/**
 * Features with mean 0 and variance 1 over everything. The discriminant does not depend on it: this only keeps the sums
 * of squares of features that are large and hardly vary from cancelling.
 */
function standardise(subjects: readonly (readonly (readonly number[])[])[]): Float64Array[][] {
  const rows = subjects.flat()
  const scales = rows[0]!.map((_, feature) => {
    const mean = rows.reduce((sum, row) => sum + row[feature]!, 0) / rows.length
    const squares = rows.reduce((sum, row) => sum + (row[feature]! - mean) ** 2, 0)
    return { mean, deviation: Math.sqrt(squares / rows.length) || 1 }
  })
  return subjects.map((own) =>
    own.map((row) =>
      Float64Array.from(scales, ({ mean, deviation }, feature) => (row[feature]! - mean) / deviation),
    ),
  )
}
