import { sameGrid } from '../affine.ts'
import { DataError } from '../errors.ts'
import type { Grid, LabelVolume, Volume } from './volume.ts'

/** Throws DataError when an image has voxels that are NaN or infinite, or when every voxel is zero. */
export function assertUsableImage(volume: Volume, name: string): void {
  let unusable = 0
  let empty = true
  for (const value of volume.data) {
    if (!Number.isFinite(value)) unusable++
    else if (value !== 0) empty = false
  }
  if (unusable > 0) {
    throw new DataError(`${unusable} of ${volume.data.length} voxels are NaN or infinite.`, {
      file: name,
      fix: 'replace them with numbers, for example with 0 outside the head.',
    })
  }
  if (empty) {
    throw new DataError('All voxels are zero.', {
      file: name,
      fix: 'check that this is the image that was meant.',
    })
  }
}

/**
 * Takes a volume of whole numbers from 0 to 255 as a map of label numbers, as stored (no change of convention).
 *
 * Throws DataError for any other value.
 */
export function toLabelVolume(volume: Volume, name: string): LabelVolume {
  const data = new Uint8Array(volume.data)
  for (let index = 0; index < data.length; index++) {
    if (data[index] === volume.data[index]) continue
    throw new DataError(
      `The label map holds ${volume.data[index]}, but labels are whole numbers from 0 to 255.`,
      {
        file: name,
        fix: 'give a label map, not an image or a probability map.',
      },
    )
  }
  return { shape: volume.shape, data, affine: volume.affine, header: volume.header }
}

/** Throws DataError when two files that belong together do not lie on the same grid; see `sameGrid`. */
export function assertSameGrid(reference: Grid, other: Grid, referenceName: string, otherName: string): void {
  if (sameGrid(reference, other)) return
  const shapes = [other.shape, reference.shape].map((shape) => shape.join(' x '))
  const how =
    shapes[0] === shapes[1]
      ? 'is placed differently in space'
      : `has shape ${shapes[0]} instead of ${shapes[1]}`
  throw new DataError(`The grid ${how}, compared with ${referenceName}.`, {
    file: otherName,
    fix: 'resample one of the two onto the grid of the other.',
  })
}
