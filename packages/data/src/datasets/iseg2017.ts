import type { Subject } from './dataset.ts'
import { compareNaturally, type FileTree, type LayoutReader, modalityName } from './file-tree.ts'

const FILE = /^(subject-\d+)-(T1|T2|label)\.(hdr|nii)(\.gz)?$/i

/**
 * iSEG-2017 as distributed: one flat folder with `subject-1-T1.hdr/.img`, `-T2` and `-label` (10 CSF, 150 GM,
 * 250 WM). The images are skull-stripped, so the mask is where T1 is positive. Test subjects have no label.
 */
export const iseg2017: LayoutReader = {
  matches: (tree) => tree.files.some((path) => /^subject-\d+-T1\.(hdr|nii)(\.gz)?$/i.test(path)),
  read: (tree) => Promise.resolve({ subjects: readSubjects(tree), warnings: [] }),
}

function readSubjects(tree: FileTree): Subject[] {
  const found = new Map<string, { images: Record<string, string>; label?: string }>()
  for (const path of tree.files) {
    const match = FILE.exec(path)
    if (match === null) continue
    const [, id, kind] = match as unknown as [string, string, string]
    const subject = found.get(id) ?? { images: {} }
    if (kind.toLowerCase() === 'label') subject.label = path
    else subject.images[modalityName(kind)] = path
    found.set(id, subject)
  }
  return [...found]
    .filter(([, subject]) => Object.keys(subject.images).length > 0)
    .sort(([first], [second]) => compareNaturally(first, second))
    .map(([id, subject]) => ({ id, site: 'iSEG', ...subject, labels: 'iseg' }))
}
