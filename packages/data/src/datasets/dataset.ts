import { DataError, MissingInputError } from '../errors.ts'
import type { LabelSpecification } from '../labels.ts'

/** The part of training that a subject belongs to. */
export type Split = (typeof SPLITS)[number]

/** Words allowed in a `split` column. */
export const SPLITS = ['train', 'validation', 'test'] as const

/** One row of a data set: files of one person in one session, all on one voxel grid. */
export interface Subject {
  /** Unique within the site; holds the session where there is one. */
  readonly id: string
  /** Name of the domain: scanner, centre or study. */
  readonly site: string
  /** Image file by modality, for example `T1w`. */
  readonly images: Readonly<Record<string, string>>
  readonly label?: string
  /** File whose voxels above zero are brain; without one see `findBrain`. */
  readonly mask?: string
  readonly split?: Split
  /** Label numbers of this subject, where the user, the layout or what stands beside the file says them. */
  readonly labels?: LabelSpecification
  /** Those of its files that do not exist, or are links to files that were not fetched. */
  readonly missing?: readonly string[]
  /** Why its row of the table cannot be used; it has no images then. */
  readonly problem?: DataError
}

/** All subjects of one data set and how they were found. */
export interface Dataset {
  /** The table or folder as the user named it. */
  readonly path: string
  readonly subjects: readonly Subject[]
  /** Modalities that occur, in the order of the first subject that has them. */
  readonly modalities: readonly string[]
  /** Sentences about what was ambiguous or left out. */
  readonly warnings: readonly string[]
}

/** Puts a {@link Dataset} together. Throws DataError when it has no subject or one twice. */
export function makeDataset(
  path: string,
  subjects: readonly Subject[],
  warnings: readonly string[] = [],
): Dataset {
  if (subjects.length === 0) throw new DataError('The data set has no subjects.', { file: path })
  const seen = new Set<string>()
  for (const { id, site } of subjects) {
    const key = `${site}\t${id}`
    if (seen.has(key)) {
      throw new DataError(`The participant ${id} of site ${site} occurs twice.`, {
        file: path,
        fix: 'give every participant and session of a site its own participant_id',
      })
    }
    seen.add(key)
  }
  const modalities = [...new Set(subjects.flatMap((subject) => Object.keys(subject.images)))]
  return { path, subjects, modalities, warnings }
}

/** Names of the sites in alphabetical order: the position is the domain number of the discriminator. */
export function sitesOf(subjects: readonly Pick<Subject, 'site'>[]): string[] {
  return [...new Set(subjects.map((subject) => subject.site))].sort()
}

/** Throws DataError unless every row can be used and every subject has an image of every requested modality. */
export function requireModalities(dataset: Dataset, modalities: readonly string[]): void {
  const unusable = dataset.subjects.find(({ problem }) => problem !== undefined)
  if (unusable?.problem !== undefined) throw unusable.problem
  for (const modality of modalities) {
    if (!dataset.modalities.includes(modality)) {
      throw new DataError(`The data set has no images of modality ${modality}.`, {
        file: dataset.path,
        fix: `set data.modalities to some of ${dataset.modalities.join(', ')}, or add the images`,
      })
    }
    const without = dataset.subjects.find((subject) => subject.images[modality] === undefined)
    if (without !== undefined) {
      throw new DataError(`The participant ${without.id} of site ${without.site} has no ${modality} image.`, {
        file: dataset.path,
        fix: `add the image, leave the participant out, or set data.modalities without ${modality}`,
      })
    }
  }
}

/** The error for the first of some files of a subject that is missing; undefined where all are there. */
export function missingFile(
  { id, missing = [] }: Subject,
  files: readonly (string | undefined)[],
): MissingInputError | undefined {
  const file = files.find((name) => name !== undefined && missing.includes(name))
  if (file === undefined) return undefined
  return new MissingInputError(`The file, named for participant ${id}, does not exist or was not fetched.`, {
    file,
    fix: 'correct the path (paths in a table are relative to the table), or fetch it with datalad get',
  })
}

/** Throws MissingInputError, with how many and the first three, when files of these subjects are missing. */
export function requireFiles(subjects: readonly Subject[]): void {
  const incomplete = subjects.filter(({ missing = [] }) => missing.length > 0)
  const first = incomplete[0]
  if (first === undefined) return
  if (incomplete.length === 1) throw missingFile(first, first.missing!)
  const files = incomplete.flatMap(({ missing }) => missing!)
  const rest = files.length > 3 ? ` and ${files.length - 3} more` : ''
  throw new MissingInputError(
    `${files.length} files of ${incomplete.length} subjects do not exist or were not fetched: ${files.slice(0, 3).join(', ')}${rest}.`,
    { fix: 'correct the paths, fetch the files with datalad get, or leave the subjects out' },
  )
}
