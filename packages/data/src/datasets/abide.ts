import type { Subject } from './dataset.ts'
import { compareNaturally, type FileTree, type LayoutReader } from './file-tree.ts'

const BRAIN = /^(([^/]+)_([^/_]+)\/mri\/)brainmask\.mgz$/

/**
 * ABIDE with FreeSurfer's derivatives: `SITE_ID/mri/brainmask.mgz` (the skull-stripped T1) and `aparc+aseg.mgz`.
 *
 * The site is the folder name up to its last underscore, so every centre is a domain of its own.
 */
export const abide: LayoutReader = {
  matches: (tree) => tree.files.some((path) => BRAIN.test(path)),
  read: (tree) => Promise.resolve({ subjects: readSubjects(tree), warnings: [] }),
}

function readSubjects(tree: FileTree): Subject[] {
  const files = new Set(tree.files)
  const subjects: Subject[] = []
  for (const path of tree.files) {
    const match = BRAIN.exec(path)
    if (match === null) continue
    const [, folder, site, number] = match as unknown as [string, string, string, string]
    const label = `${folder}aparc+aseg.mgz`
    subjects.push({
      id: `${site}_${number}`,
      site,
      images: { T1w: path },
      ...(files.has(label) ? { label, labels: 'freesurfer' } : {}),
    })
  }
  return subjects.sort((first, second) => compareNaturally(first.id, second.id))
}
