import type { Format } from './format.ts'
import { expectedLength, readNifti } from './nifti.ts'
import { NIFTI_LAYOUT } from './nifti-header.ts'

const PAIRS = [{ header: '.hdr', voxels: '.img' }] as const

/** NIfTI-1: `n+1` in one file, `ni1` in a pair. */
export const nifti1: Format = {
  title: 'NIfTI',
  endings: ['.nii'],
  pairs: PAIRS,
  recognise(header, paired) {
    const { size } = NIFTI_LAYOUT.nifti1
    if (!beginsWithSize(header, size)) return undefined
    const mark = textAt(header, 344)
    if (mark === 'n+1' || mark === 'ni1') return mark === 'n+1' ? 'single' : 'header'
    // A header that ends before its mark is called NIfTI, so that the error is about the missing bytes.
    if (header.length < size) return paired ? 'header' : 'single'
    return undefined
  },
  read: (image, file) => readNifti({ ...image, format: 'nifti1' }, file),
  expectedLength: (header, file) => expectedLength(header, 'nifti1', file),
}

/** NIfTI-2: `n+2` in one file, `ni2` in a pair. */
export const nifti2: Format = {
  title: 'NIfTI',
  endings: ['.nii'],
  pairs: PAIRS,
  recognise(header) {
    if (!beginsWithSize(header, NIFTI_LAYOUT.nifti2.size)) return undefined
    const mark = textAt(header, 4)
    if (mark !== 'n+2' && mark !== 'ni2') return undefined
    return mark === 'n+2' ? 'single' : 'header'
  },
  read: (image, file) => readNifti({ ...image, format: 'nifti2' }, file),
  expectedLength: (header, file) => expectedLength(header, 'nifti2', file),
}

/** Analyze 7.5. It has no mark of its own, so it is only looked for in pairs, behind NIfTI-1, whose size it has. */
export const analyze: Format = {
  title: 'Analyze',
  endings: [],
  pairs: PAIRS,
  recognise: (header, paired) =>
    paired && beginsWithSize(header, NIFTI_LAYOUT.nifti1.size) ? 'header' : undefined,
  read: (image, file) => readNifti({ ...image, format: 'analyze' }, file),
}

/** Whether the header begins with its size, in either order of bytes. */
function beginsWithSize(header: Uint8Array, size: number): boolean {
  if (header.length < 4) return false
  const view = new DataView(header.buffer, header.byteOffset, header.length)
  return view.getInt32(0, true) === size || view.getInt32(0, false) === size
}

const textAt = (header: Uint8Array, start: number): string =>
  String.fromCharCode(...header.subarray(start, start + 3))
