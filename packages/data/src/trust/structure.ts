import { DataError } from '../errors.ts'
import { type Shape3, voxelCount } from '../image/volume.ts'
import type { Spacing } from '../metrics/distance-transform.ts'
import { sortedQuantile } from '../metrics/quantile.ts'
import { alignIntensities } from './alignment.ts'
import { connectedComponents } from './components.ts'
import { edgeAgreement } from './edges.ts'
import { localMean } from './local-mean.ts'
import { structuralSimilarity } from './ssim.ts'

/** Below this structure index a normalised image is not to be trusted; `predict --strict` refuses it. */
export const STRUCTURE_LIMIT = 0.97

/** Full width at half maximum in mm of the mean that counts as slow. */
const SLOW_WIDTH = 35
/** Share of the contrast of `after` below which a residual is not a structure. */
const FLOOR = 0.1
/** Fewer voxels than this hanging together are noise. */
const SMALLEST_CLUSTER = 8

/** How much of an image's structure a normaliser kept. */
export interface Preservation {
  /** Mean SSIM of the aligned input and the output in the brain; 1 is equal. */
  readonly ssim: number
  /** Pearson r of the gradient magnitudes. */
  readonly gradientCorrelation: number
  /** F1 of the edges within one voxel. */
  readonly edgeF1: number
  /** Share of the brain whose structure is as before. */
  readonly structureIndex: number
  /** What intensities alone do not explain, `after` minus the aligned input without its slow part; 0 outside the mask. */
  readonly residual: Float32Array
  /** 1 where structure changed, else 0. */
  readonly changed: Uint8Array
}

/**
 * Compares a normalised image with its input, after the input took on the intensities of the output.
 *
 * The residual is `after` minus {@link alignIntensities}(`before`), less its mean over 35 mm.
 */
export function preservation(
  before: Float32Array,
  after: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
  spacing: Spacing,
  labels?: Uint8Array,
): Preservation {
  if (before.length !== voxelCount(shape)) {
    throw new DataError(`Structure: ${before.length} voxels do not fit the grid ${shape.join(' x ')}.`)
  }
  const aligned = alignIntensities(before, after, mask, labels)
  const residual = fastResidual(aligned, after, mask, shape, spacing)
  const changed = changedVoxels(residual, after, mask, shape)
  let brain = 0
  let lost = 0
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue
    brain++
    lost += changed[i]!
  }
  return {
    ssim: structuralSimilarity(aligned, after, mask, shape),
    ...edgeAgreement(aligned, after, mask, shape, spacing),
    structureIndex: 1 - lost / brain,
    residual,
    changed,
  }
}

function fastResidual(
  aligned: Float32Array,
  after: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
  spacing: Spacing,
): Float32Array {
  const residual = new Float32Array(after.length)
  for (let i = 0; i < mask.length; i++) if (mask[i]) residual[i] = after[i]! - aligned[i]!
  const slow = localMean(residual, mask, shape, spacing, SLOW_WIDTH)
  for (let i = 0; i < mask.length; i++) residual[i]! -= slow[i]!
  return residual
}

function changedVoxels(
  residual: Float32Array,
  after: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
): Uint8Array {
  const inside = (image: Float32Array) => image.filter((_, i) => mask[i]! > 0)
  const values = inside(after).sort()
  const centre = sortedQuantile(inside(residual).sort(), 0.5)
  const spread = sortedQuantile(
    inside(residual)
      .map((value) => Math.abs(value - centre))
      .sort(),
    0.5,
  )
  const contrast = sortedQuantile(values, 0.95) - sortedQuantile(values, 0.05)
  // A median absolute deviation times 1.4826 is the standard deviation of normal noise.
  const limit = Math.max(3 * 1.4826 * spread, FLOOR * contrast)
  const changed = new Uint8Array(mask.length)
  for (let i = 0; i < mask.length; i++) if (mask[i] && Math.abs(residual[i]!) > limit) changed[i] = 1
  const { labels, sizes } = connectedComponents(changed, shape)
  for (let i = 0; i < changed.length; i++) {
    if (changed[i] && sizes[labels[i]! - 1]! < SMALLEST_CLUSTER) changed[i] = 0
  }
  return changed
}
