import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { IDENTITY_AFFINE, makeLabelVolume, makeVolume, type Shape3 } from '@voxnorm/data'
import { writeVolumeFile } from '@voxnorm/data/node'

const SHAPE: Shape3 = [16, 16, 16]

/** A ball of three tissues in BIDS numbers, WM (2) inside GM (1) inside CSF (3). */
const LABELS = Uint8Array.from({ length: 16 ** 3 }, (_, voxel) => {
  const place = [voxel % 16, Math.floor(voxel / 16) % 16, Math.floor(voxel / 256)]
  const radius = Math.hypot(...place.map((at) => at - 7.5))
  return radius < 3.5 ? 2 : radius < 5.5 ? 1 : radius < 7.5 ? 3 : 0
})

/** Writes an image of the ball whose tissues have the given brightness times 1, 2 and 3. */
export async function writeScan(file: string, brightness: number): Promise<void> {
  const data = Float32Array.from(LABELS, (label, voxel) => label * brightness * (1 + (voxel % 7) / 50))
  await writeVolumeFile(file, makeVolume(SHAPE, data, IDENTITY_AFFINE))
}

/** Writes the tissues of the ball. */
export async function writeLabels(file: string): Promise<void> {
  await writeVolumeFile(file, makeLabelVolume(SHAPE, LABELS, IDENTITY_AFFINE))
}

/**
 * Writes a BIDS folder: three people each of the sites oslo and bonn with T1w and T2w, labels in
 * `derivatives/manual`; `sub-6` was scanned in the session `b`.
 */
export async function writeBids(root: string): Promise<void> {
  mkdirSync(root, { recursive: true })
  const rows = ['participant_id\tsite']
  for (let person = 1; person <= 6; person++) {
    const session = person === 6 ? 'ses-b' : ''
    const base = session === '' ? `sub-${person}` : `sub-${person}_${session}`
    const folder = path.join(`sub-${person}`, session, 'anat')
    const brightness = person <= 3 ? 100 : 300
    await writeScan(path.join(root, folder, `${base}_T1w.nii.gz`), brightness)
    await writeScan(path.join(root, folder, `${base}_T2w.nii.gz`), 2 * brightness)
    await writeLabels(path.join(root, 'derivatives', 'manual', folder, `${base}_dseg.nii.gz`))
    rows.push(`sub-${person}\t${person <= 3 ? 'oslo' : 'bonn'}`)
  }
  writeFileSync(path.join(root, 'participants.tsv'), `${rows.join('\n')}\n`)
}
