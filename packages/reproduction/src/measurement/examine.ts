import { imageAxes, lesionRetention, type PreparedSubject, plantLesions, voxelSizes } from '@voxnorm/data'
import type { Examination } from './records.ts'
import type { TrainedModel } from './trained-model.ts'

/**
 * Normalises a test subject twice, and once with planted lesions. Idempotence is how far the second time moves the
 * image, over how far the first did: 0 where a normalised image is left alone. `prepared` has one channel and labels.
 */
export async function examine(
  model: TrainedModel,
  prepared: PreparedSubject,
  seed: number,
): Promise<Examination['subjects'][number]> {
  const { image, mask, label } = prepared
  const shape = imageAxes(prepared.shape)
  const spacing = voxelSizes(prepared.affine)
  const once = (await model.predict(prepared)).normalized
  const twice = (await model.predict({ ...prepared, image: Float32Array.from(once) })).normalized
  const planted = plantLesions(image, mask, label!, shape, spacing, { seed })
  const changed = (await model.predict({ ...prepared, image: Float32Array.from(planted.image) })).normalized
  const { retention, invented } = lesionRetention(
    { clean: image, planted: planted.image },
    { clean: once, planted: changed },
    planted.lesions,
    mask,
    shape,
    spacing,
  )
  return {
    participant: prepared.id,
    site: prepared.site,
    idempotence: distance(twice, once, mask) / distance(once, image, mask),
    lesionRetention: retention,
    invented,
  }
}

function distance(a: Float32Array, b: Float32Array, mask: Uint8Array): number {
  let squares = 0
  for (let voxel = 0; voxel < mask.length; voxel++) {
    if (mask[voxel]! > 0) squares += (a[voxel]! - b[voxel]!) ** 2
  }
  return Math.sqrt(squares)
}
