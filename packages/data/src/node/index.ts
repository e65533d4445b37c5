// Files
export {
  makeFolder,
  outputFailure,
  removeTemporaryFiles,
  writeFileAtomically,
  writeFully,
} from './atomic-file.ts'
export { readFileBytes, readVolumeFile, writeVolumeFile } from './files.ts'

// Data sets

export type { OpenDatasetOptions } from './dataset.ts'
export { openDataset, readDatasetTable } from './dataset.ts'
export type { FolderListing, ListingProgress } from './list-files.ts'
export { listFiles } from './list-files.ts'
export { loadSubject } from './load-subject.ts'
export type { StatedLabels } from './stated-labels.ts'
export { openStatedLabels, sidecarValue } from './stated-labels.ts'
export type { SubjectLoader } from './subject-loader.ts'
export { openSubjectLoader } from './subject-loader.ts'
