// Files
export { readVolumeFile, writeFileAtomically, writeVolumeFile } from './files.ts'

// Data sets

export type { OpenDatasetOptions } from './dataset.ts'
export { openDataset, readDatasetTable } from './dataset.ts'
export type { LoadOptions } from './subject.ts'
export { loadSubject } from './subject.ts'
