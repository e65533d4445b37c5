import {
  applyBiasField,
  biasFieldCorrelation,
  biasFieldRamp,
  imageAxes,
  type PreparedSubject,
  type Shape3,
} from '@voxnorm/data'
import { ALPHAS } from '../published.ts'
import { axialPlane } from './measure-volume.ts'
import type { BiasPoint, MeasuredBias } from './records.ts'
import type { TrainedModel } from './trained-model.ts'

/** Slopes of which Fig. 8 shows profiles, and the one that Fig. 4 shows. */
const PROFILED = [0.5, 0.9]
const SHOWN = 0.5

/**
 * Degrades a test subject by bias fields along y and normalises each result (Eq. 7 and section 3.5 of the paper). The
 * correlations are taken where the original is above zero. `prepared` has one channel.
 */
export async function measureBias(
  model: TrainedModel,
  prepared: PreparedSubject,
  onDone: () => void,
): Promise<MeasuredBias> {
  const shape = imageAxes(prepared.shape)
  const [width, height] = shape
  const original = prepared.image
  const slice = { axis: 2, index: middleOf(prepared) } as const
  const place = { size: prepared.shape, channels: 1, imageHeight: height, firstRow: 0 } as const
  const profileOf = (image: Float32Array) => profile(image, prepared.mask, shape, slice.index)
  const points: BiasPoint[] = []
  const profiles: MeasuredBias['profiles'][number][] = [
    { name: 'original', generated: false, values: profileOf(original) },
  ]
  let planes: MeasuredBias['planes'] | undefined
  for (const alpha of [0, ...ALPHAS]) {
    const degraded = alpha === 0 ? original : applyBiasField(original, place, alpha)
    const { normalized } = await model.predict({ ...prepared, image: degraded })
    onDone()
    const correlation = (image: Float32Array) => biasFieldCorrelation(image, original, shape, 1, slice)
    points.push({ alpha, degraded: correlation(degraded), normalized: correlation(normalized) })
    if (PROFILED.includes(alpha)) {
      profiles.push({ name: `degraded, α = ${alpha}`, generated: false, values: profileOf(degraded) })
      profiles.push({ name: `normalised, α = ${alpha}`, generated: true, values: profileOf(normalized) })
    }
    if (alpha !== SHOWN) continue
    const ramp = biasFieldRamp(height, alpha)
    const field = original.map((_, voxel) => ramp[Math.floor(voxel / width) % height]!)
    const plane = (values: Float32Array) => axialPlane(values, prepared.mask, shape)
    planes = {
      input: plane(original),
      field: plane(field),
      degraded: plane(degraded),
      normalized: plane(normalized),
    }
  }
  return { participant: prepared.id, site: prepared.site, points, profiles, planes: planes! }
}

/** The axial slice in the middle of the brain, by its voxels' mean position. */
function middleOf({ mask, shape: [, height, width] }: PreparedSubject): number {
  let sum = 0
  let count = 0
  mask.forEach((inside, voxel) => {
    if (inside === 0) return
    sum += Math.floor(voxel / (width * height))
    count++
  })
  return Math.round(sum / count)
}

/** Mean z-score of the slice's brain voxels at each y, from the first one with brain to the last (Fig. 8). */
function profile(image: Float32Array, mask: Uint8Array, [nx, ny]: Shape3, z: number): number[] {
  let sum = 0
  let squares = 0
  let count = 0
  for (let voxel = 0; voxel < image.length; voxel++) {
    if (mask[voxel] === 0) continue
    sum += image[voxel]!
    squares += image[voxel]! ** 2
    count++
  }
  const mean = sum / count
  const deviation = Math.sqrt(squares / count - mean ** 2)
  const rows: number[] = []
  for (let y = 0; y < ny; y++) {
    let total = 0
    let inside = 0
    for (let x = 0; x < nx; x++) {
      const voxel = x + nx * (y + ny * z)
      if (mask[voxel] === 0) continue
      total += (image[voxel]! - mean) / deviation
      inside++
    }
    if (inside > 0) rows.push(Number((total / inside).toFixed(4)))
  }
  return rows
}
