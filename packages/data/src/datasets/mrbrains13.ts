import type { Subject } from './dataset.ts'
import { compareNaturally, type FileTree, type LayoutReader } from './file-tree.ts'

const SUBJECT = /^((?:TrainingData\/)?([^/]+)\/)T1\.nii(\.gz)?$/
/** `T1_1mm.nii` is left out: it has a voxel grid of its own. */
const MODALITIES = { T1w: 'T1', T1IR: 'T1_IR', FLAIR: 'T2_FLAIR' } as const

/**
 * MRBrainS13 as distributed: `TrainingData/1/T1.nii`, `T1_IR.nii`, `T2_FLAIR.nii` and the two label files.
 *
 * The three tissues of `LabelsForTesting.nii` are the label and, as in the paper, the brain mask. Who asks for the
 * convention `mrbrains13` gets the eight structures of `LabelsForTraining.nii` instead.
 */
export const mrbrains13: LayoutReader = {
  matches: (tree) => tree.files.some((path) => /^(TrainingData\/)?[^/]+\/T2_FLAIR\.nii(\.gz)?$/.test(path)),
  read: (tree, { labels }) =>
    Promise.resolve({ subjects: readSubjects(tree, labels === 'mrbrains13'), warnings: [] }),
}

function readSubjects(tree: FileTree, eightStructures: boolean): Subject[] {
  const files = new Set(tree.files)
  const subjects: Subject[] = []
  for (const path of tree.files) {
    const match = SUBJECT.exec(path)
    if (match === null) continue
    const [, folder, id] = match as unknown as [string, string, string]
    const images: Record<string, string> = {}
    for (const [modality, name] of Object.entries(MODALITIES)) {
      const image = findNifti(files, folder + name)
      if (image !== undefined) images[modality] = image
    }
    const tissues = findNifti(files, `${folder}LabelsForTesting`)
    const label = eightStructures ? findNifti(files, `${folder}LabelsForTraining`) : tissues
    subjects.push({
      id,
      site: 'MRBrainS',
      images,
      ...(tissues === undefined ? {} : { mask: tissues }),
      ...(label === undefined
        ? {}
        : { label, labels: eightStructures ? 'mrbrains13' : 'mrbrains13-testing' }),
    })
  }
  return subjects.sort((first, second) => compareNaturally(first.id, second.id))
}

function findNifti(files: ReadonlySet<string>, stem: string): string | undefined {
  return [`${stem}.nii`, `${stem}.nii.gz`].find((path) => files.has(path))
}
