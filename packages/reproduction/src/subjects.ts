import {
  type AssignedSubject,
  assignSplits,
  ConfigError,
  DataError,
  type Dataset,
  type LabelSpecification,
  type PreparedSubject,
  requireFiles,
  type Split,
  type Subject,
} from '@voxnorm/data'
import { openDataset, type SubjectLoader } from '@voxnorm/data/node'

/** The subjects of a reproduction, all with labels, and the sites in the order of their roles. */
export interface Cohort {
  readonly sites: readonly string[]
  readonly subjects: readonly AssignedSubject[]
  /** Modalities that every subject of the first two sites has, in the order of the data. */
  readonly modalities: readonly string[]
  readonly warnings: readonly string[]
  /** What the splits were drawn with. */
  readonly seed: number
}

/** Which data a reproduction is done on. */
export interface CohortOptions {
  /** `PATH`, or `NAME=PATH` for a data set that counts as one site of that name. */
  readonly data: readonly string[]
  readonly labels: LabelSpecification | undefined
  /** Names of the sites in the order of their roles; by default as they come in the data. */
  readonly sites: readonly string[] | undefined
  readonly seed: number
}

/**
 * Opens the data sets and decides once who trains, validates and tests: all runs share these splits.
 *
 * Throws ConfigError for sites that are not there, named twice or too few, DataError for subjects without labels, for a
 * participant that occurs twice at a site, and for a site without a training or test subject.
 */
export async function openCohort(options: CohortOptions): Promise<Cohort> {
  const opened: Dataset[] = []
  for (const word of options.data) opened.push(await openNamed(word, options.labels))
  const all = opened.flatMap(({ subjects }) => subjects)
  assertDistinct(all)
  const present = [...new Set(all.map(({ site }) => site))]
  const sites = options.sites ?? present
  const twice = sites.find((site, index) => sites.indexOf(site) !== index)
  if (twice !== undefined) throw new ConfigError(`--sites names ${twice} twice.`)
  const missing = sites.find((site) => !present.includes(site))
  if (missing !== undefined) {
    throw new ConfigError(`--sites names ${missing}, which is no site of the data.`, {
      fix: `use some of ${present.join(', ')}`,
    })
  }
  if (sites.length < 2) {
    throw new ConfigError(`the experiments compare sites, but there is only ${sites.join(', ')}.`, {
      fix: 'give data of two sites or more, several data sets as --data NAME=PATH each',
    })
  }
  const subjects = assignSplits(
    all.filter(({ site }) => sites.includes(site)),
    { seed: options.seed },
  ).map(withSecondModality)
  const unlabelled = subjects.find(({ label }) => label === undefined)
  if (unlabelled !== undefined) {
    throw new DataError(`the participant ${unlabelled.id} of site ${unlabelled.site} has no label map.`, {
      fix: 'add the label map, or leave the participant out',
    })
  }
  requireFiles(subjects)
  for (const site of sites) {
    for (const split of ['train', 'test'] as const) {
      if (subjects.some((subject) => subject.site === site && subject.split === split)) continue
      throw new DataError(`the site ${site} has no ${split} subject.`, {
        fix: 'give every site three subjects or more, or correct the column split',
      })
    }
  }
  const warnings = opened.flatMap((dataset) => dataset.warnings)
  const pair = subjects.filter(({ site }) => sites.slice(0, 2).includes(site))
  const modalities = [...new Set(subjects.flatMap(({ images }) => Object.keys(images)))].filter((modality) =>
    pair.every(({ images }) => images[modality] !== undefined),
  )
  const first = modalities[0]
  if (first === undefined) {
    throw new DataError('the subjects of the first two sites share no modality.', {
      fix: 'choose other sites with --sites',
    })
  }
  const without = subjects.find(({ images }) => images[first] === undefined)
  if (without !== undefined) {
    throw new DataError(`the participant ${without.id} of site ${without.site} has no ${first} image.`, {
      fix: 'add the image, or leave the site out with --sites',
    })
  }
  return {
    sites,
    subjects,
    modalities,
    warnings,
    seed: options.seed,
  }
}

/** Where there is no T2w, FLAIR stands in for it: the paper pairs the T2 of iSEG with the T2-FLAIR of MRBrainS. */
function withSecondModality(subject: AssignedSubject): AssignedSubject {
  const { images } = subject
  if (images.T2w !== undefined || images.FLAIR === undefined) return subject
  return { ...subject, images: { ...images, T2w: images.FLAIR } }
}

/** Takes `PATH` or `NAME=PATH` apart. */
export function readDataWord(word: string): { readonly name: string | undefined; readonly place: string } {
  const [, name, place] = /^([^=/\\]+)=(.+)$/.exec(word) ?? []
  return { name, place: place ?? word }
}

async function openNamed(word: string, labels: LabelSpecification | undefined): Promise<Dataset> {
  const { name, place } = readDataWord(word)
  const dataset = await openDataset(place, {
    modalities: [],
    ...(labels === undefined ? {} : { labels }),
    ...(name === undefined ? {} : { site: name }),
  })
  if (name === undefined) return dataset
  // A data set of many scanners, such as ABIDE, is one domain in the paper. Each may have a participant 1 of its own.
  const count = (id: string) => dataset.subjects.filter((subject) => subject.id === id).length
  const subjects = dataset.subjects.map((subject) => ({
    ...subject,
    site: name,
    id: count(subject.id) === 1 ? subject.id : `${subject.site}_${subject.id}`,
  }))
  return { ...dataset, subjects }
}

/** Data sets are checked one by one when they are opened; together they may still share a site and its participants. */
function assertDistinct(subjects: readonly Subject[]): void {
  const seen = new Set<string>()
  for (const { site, id } of subjects) {
    const key = JSON.stringify([site, id])
    if (seen.has(key)) {
      throw new DataError(`the participant ${id} of site ${site} is in two of the data sets.`, {
        fix: 'give each data set a site name of its own with --data NAME=PATH, or leave one out',
      })
    }
    seen.add(key)
  }
}

/** The subjects of a split of some sites, the first few of each. */
export function subjectsOf(
  { subjects }: Cohort,
  sites: readonly string[],
  split: Split,
  perSite: number,
): AssignedSubject[] {
  return sites.flatMap((site) =>
    subjects.filter((subject) => subject.site === site && subject.split === split).slice(0, perSite),
  )
}

/** More prepared subjects are not kept in memory but read again. */
const CACHE_BYTES = 2 * 2 ** 30

/** A way to load that keeps what it prepared, for runs that look at the same subjects. */
export function cached(load: SubjectLoader['load']): SubjectLoader['load'] {
  const kept = new Map<string, PreparedSubject>()
  let bytes = 0
  return async (subject, options) => {
    const key = JSON.stringify([subject.site, subject.id, options])
    const known = kept.get(key)
    if (known !== undefined) return known
    const prepared = await load(subject, options)
    const size = prepared.image.byteLength + 2 * prepared.mask.byteLength
    if (bytes + size <= CACHE_BYTES) {
      kept.set(key, prepared)
      bytes += size
    }
    return prepared
  }
}
