import path from 'node:path'
import { DataError, MissingInputError, type Subject } from '@voxnorm/data'
import { listFiles } from '@voxnorm/data/node'
import type { Prediction } from '../evaluation/evaluate-subject.ts'
import { outputNames } from '../prediction/output-names.ts'

/** What there is of the subjects of a dataset. */
export interface FoundPredictions {
  readonly predictions: readonly Prediction[]
  /** Subjects with a `problem`: it cannot be told which of several files is theirs. */
  readonly ambiguous: readonly Subject[]
}

/**
 * Pairs the subjects of a dataset with the files of a prediction folder, by the names that {@link outputNames} gives
 * to the outputs of their images; anywhere below the folder.
 *
 * A model of several modalities calls its outputs after the first of its images, which need not be the first of the
 * dataset. Subjects without a segmentation are left out. Throws MissingInputError when no subject has one.
 */
export async function findPredictions(
  folder: string,
  { subjects, modalities }: { readonly subjects: readonly Subject[]; readonly modalities: readonly string[] },
): Promise<FoundPredictions> {
  const files = new Map<string, string[]>()
  for (const inside of (await listFiles(folder)).files) {
    const file = path.join(folder, inside)
    const name = path.basename(file)
    files.set(name, [...(files.get(name) ?? []), file])
  }
  const taken = new Set<string>()
  const ambiguous: Subject[] = []
  const pair = (subject: Subject): Prediction[] => {
    const candidates = modalities.flatMap((modality) => {
      const image = subject.images[modality]
      if (image === undefined) return []
      const { base, normalized: names } = outputNames([image], [modality])
      const segmentation = pickFile(files, `${base}_dseg.nii.gz`, subject)
      const normalized = pickFile(files, `${names[0]}.nii.gz`, subject)
      // Two runs share a scan of another modality, but its prediction is scored once.
      if (segmentation === undefined || taken.has(segmentation)) return []
      return [{ subject, image, segmentation, ...(normalized === undefined ? {} : { normalized }) }]
    })
    // BIDS names do not tell from which modality a segmentation is; the normalised images do.
    const best = candidates.find(({ normalized }) => normalized !== undefined) ?? candidates[0]
    if (best === undefined) return []
    taken.add(best.segmentation)
    return [best]
  }
  const predictions = subjects.flatMap((subject) => {
    try {
      return pair(subject)
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      ambiguous.push({ ...subject, problem: error })
      return []
    }
  })
  if (predictions.length + ambiguous.length > 0) return { predictions, ambiguous }
  throw new MissingInputError('no segmentation of any subject of the reference is here.', {
    file: folder,
    fix: 'give the folder that voxnorm predict -o wrote for images of this dataset',
  })
}

function pickFile(files: ReadonlyMap<string, string[]>, name: string, subject: Subject): string | undefined {
  const candidates = files.get(name) ?? []
  const own = candidates.length > 1 ? candidates.filter((file) => isBelow(file, subject)) : candidates
  if (own.length > 1 || (own.length === 0 && candidates.length > 0)) {
    throw new DataError(
      `the predictions hold ${name} ${candidates.length} times (${candidates.join(', ')}).`,
      {
        fix: 'write predictions of images with equal names into separate folders and evaluate them one by one',
      },
    )
  }
  return own[0]
}

/** Whether a folder on the way to the file has the name of the subject's site or of the subject. */
function isBelow(file: string, { id, site }: Subject): boolean {
  const folders = path.dirname(file).split(path.sep)
  return folders.includes(site) || folders.includes(id)
}
