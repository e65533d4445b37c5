// Files
export { readVolumeFile, writeFileAtomically, writeVolumeFile } from './files.ts'
