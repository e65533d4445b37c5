import { type Split, type Subject, sitesOf } from './datasets/dataset.ts'
import { compareNaturally } from './datasets/file-tree.ts'
import { ConfigError } from './errors.ts'
import { randomStream } from './random.ts'

/** A subject whose part of the training is decided. */
export type AssignedSubject = Subject & { readonly split: Split }

/** How {@link assignSplits} decides. */
export interface SplitOptions {
  readonly seed: number
  /** `loso:SITE` holds out all subjects of one site as test subjects; the other sites stay as they are. */
  readonly fold?: string
}

/**
 * Decides for every subject whether it trains, validates or tests, keeping the order of the subjects.
 *
 * A split given in the data set stands. The other subjects of each site are shuffled by the seed and divided
 * 60 : 20 : 20, with at least one in each part from three subjects on; one subject trains, of two the second
 * validates. The result does not depend on the order of the rows. Throws ConfigError for a fold that does not fit.
 */
export function assignSplits(subjects: readonly Subject[], options: SplitOptions): AssignedSubject[] {
  const heldOut = heldOutSite(subjects, options.fold)
  const drawn = new Map<Subject, Split>()
  for (const site of sitesOf(subjects)) {
    const open = subjects.filter((subject) => subject.site === site && subject.split === undefined)
    for (const [subject, split] of splitSite(open, site, options.seed)) drawn.set(subject, split)
  }
  return subjects.map((subject) => {
    const split = subject.site === heldOut ? 'test' : (subject.split ?? drawn.get(subject)!)
    return { ...subject, split }
  })
}

function splitSite(subjects: readonly Subject[], site: string, seed: number): [Subject, Split][] {
  const sorted = [...subjects].sort((first, second) => compareNaturally(first.id, second.id))
  const shuffled = randomStream(seed, 'split', site).shuffle(sorted)
  const count = shuffled.length
  const validation = count >= 2 ? Math.max(1, Math.round(0.2 * count)) : 0
  const test = count >= 3 ? Math.max(1, count - Math.round(0.6 * count) - validation) : 0
  const train = count - validation - test
  return shuffled.map((subject, position) => {
    const split = position < train ? 'train' : position < train + validation ? 'validation' : 'test'
    return [subject, split]
  })
}

function heldOutSite(subjects: readonly Subject[], fold: string | undefined): string | undefined {
  if (fold === undefined) return undefined
  const site = /^loso:(.+)$/.exec(fold)?.[1]
  const sites = sitesOf(subjects)
  if (site !== undefined && sites.includes(site)) return site
  throw new ConfigError(`There is no fold "${fold}".`, {
    fix: `use one of ${sites.map((name) => `loso:${name}`).join(', ')}`,
  })
}
