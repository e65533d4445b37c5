import { readdirSync } from 'node:fs'
import path from 'node:path'
import { DataError, MissingInputError, type Subject, splitImageName } from '@voxnorm/data'

/** The files that `predict` wrote for a subject. */
export interface Prediction {
  readonly subject: Subject
  /** The input image, of the modality that is compared. */
  readonly image: string
  readonly segmentation: string
  readonly normalized?: string
}

/**
 * Pairs the subjects of a dataset with the files of a prediction folder, by the name of the input image.
 *
 * For `NAME.nii.gz` these are `NAME_dseg.nii.gz` and `NAME_desc-norm.nii.gz`; for a BIDS name `X_T1w.nii.gz`,
 * `X_dseg.nii.gz` and `X_desc-norm_T1w.nii.gz`; all anywhere below the folder. Subjects without a segmentation are left
 * out. Throws MissingInputError when no subject has one, and DataError when two files of one name compete.
 */
export function findPredictions(
  folder: string,
  subjects: readonly Subject[],
  modality: string,
): Prediction[] {
  const files = new Map<string, string[]>()
  for (const file of listFiles(folder)) {
    const name = path.basename(file)
    files.set(name, [...(files.get(name) ?? []), file])
  }
  const found = subjects.flatMap((subject) => {
    const image = subject.images[modality]
    if (image === undefined) return []
    const { stem } = splitImageName(image)
    const bids = /^(sub-.+)_([A-Za-z0-9]+)$/.exec(stem)
    const pick = (names: readonly string[]) => pickFile(files, names, subject)
    const segmentation = pick([`${stem}_dseg.nii.gz`, ...(bids ? [`${bids[1]}_dseg.nii.gz`] : [])])
    if (segmentation === undefined) return []
    const normalized = pick([
      `${stem}_desc-norm.nii.gz`,
      ...(bids ? [`${bids[1]}_desc-norm_${bids[2]}.nii.gz`] : []),
    ])
    return [{ subject, image, segmentation, ...(normalized === undefined ? {} : { normalized }) }]
  })
  if (found.length > 0) return found
  throw new MissingInputError('no segmentation of any subject of the reference is here.', {
    file: folder,
    fix: 'give the folder that voxnorm predict -o wrote for images of this dataset',
  })
}

function pickFile(
  files: ReadonlyMap<string, string[]>,
  names: readonly string[],
  subject: Subject,
): string | undefined {
  for (const name of names) {
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
    if (own[0] !== undefined) return own[0]
  }
  return undefined
}

/** Whether a folder on the way to the file has the name of the subject's site or of the subject. */
function isBelow(file: string, { id, site }: Subject): boolean {
  const folders = path.dirname(file).split(path.sep)
  return folders.includes(site) || folders.includes(id)
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort()
  } catch (cause) {
    throw new MissingInputError('the folder of predictions cannot be read.', { file: folder, cause })
  }
}
