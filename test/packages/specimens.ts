import { makeVolume, writeNifti } from '@voxnorm/data'
import { writeModel } from '@voxnorm/models'
import { randomModel } from '../../packages/models/test/examples.ts'
import { ball } from '../../packages/models/test/subjects.ts'

/** Voxels of this edge in mm make a ball of 7 voxels' radius as large as a brain. */
const VOXEL_SIZE = 9

/** A model file as small as a test wants it, with the weights that a training would begin with. */
export const modelFile = (): Uint8Array =>
  writeModel(randomModel(['generator', 'segmenter'], { patch: 8, voxelSize: VOXEL_SIZE }))

/** A skull-stripped scan for it, 16³ voxels: a ball of three shells. */
export function scanFile(): Uint8Array {
  const { image } = ball('example', 'a', [0.2, 0.5, 0.9])
  const affine = [VOXEL_SIZE, 0, 0, 0, 0, VOXEL_SIZE, 0, 0, 0, 0, VOXEL_SIZE, 0, 0, 0, 0, 1]
  return writeNifti(makeVolume([16, 16, 16], image, affine))
}
