import { DataError } from '../errors.ts'
import { type Shape3, voxelCount } from '../image/volume.ts'
import type { Spacing } from '../metrics/distance-transform.ts'
import { sortedQuantile } from '../metrics/quantile.ts'
import { alignIntensities } from './alignment.ts'
import { brainBox } from './brain-box.ts'
import { connectedComponents } from './components.ts'
import { edgeAgreement } from './edges.ts'
import { type LocalMean, localMean } from './local-mean.ts'
import { structuralSimilarity } from './ssim.ts'

/**
 * Below this structure index a normalised image must not be trusted; `predict --strict` refuses it.
 *
 * Set from the phantom, as docs/trust-measures.md shows: harmless changes stay above 0.992, another anatomy comes
 * out below 0.92.
 */
export const STRUCTURE_LIMIT = 0.98

/**
 * Full width at half maximum in mm of what counts as slow: wider than any lesion that must be seen (10 mm) and than
 * a fold of the cortex, narrower than the fields of receivers, which change over half a head.
 */
const SLOW_WIDTH = 35
/** Rounds of estimating the relative sensitivity and aligning; four give the same as two. */
const SENSITIVITY_ROUNDS = 2
/** A residual below this share of the contrast of `after` is never a change, above the second one it always is. */
const CONTRAST_SHARES = [0.1, 0.25] as const
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
  /** What intensities do not explain: `after` minus the aligned input, less its slow part; 0 outside the mask. */
  readonly residual: Float32Array
  /** 1 where structure changed, else 0. */
  readonly changed: Uint8Array
}

/**
 * Compares a normalised image (`after`) with its input (`before`): what changed besides intensities?
 *
 * First the input is brought to the intensities of the output: the slow sensitivity of the receiver between the two
 * is taken away, then one map of intensities is applied ({@link alignIntensities}; `labels` are internal classes for
 * its map by tissue). SSIM, gradients and edges compare the result with the output. Its difference to the output,
 * less the mean over 35 mm, is the residual.
 *
 * A voxel changed when its residual exceeds three robust standard deviations (1.4826 MAD) of the residual and at
 * least 8 such voxels hang together by faces. The three deviations are kept between 10 and 25 % of the contrast of
 * the output (95th minus 5th percentile in the brain). Without the lower bound rounding errors of a perfect
 * normaliser would count; without the upper one a wholly different anatomy would set its own standard, and nothing
 * would stand out.
 * Throws DataError when sizes differ or the mask is empty.
 */
export function preservation(
  before: Float32Array,
  after: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
  spacing: Spacing,
  labels?: Uint8Array,
): Preservation {
  const sizes = [before, after, mask, labels ?? mask].map((volume) => volume.length)
  if (sizes.some((size) => size !== voxelCount(shape))) {
    throw new DataError(
      `Structure: images, mask and labels (${sizes.join(', ')} voxels) do not all have the grid ${shape.join(' x ')}.`,
    )
  }
  const box = brainBox(mask, shape)
  const [input, output, brain] = [box.cut(before), box.cut(after), box.cut(mask)]
  const classes = labels && box.cut(labels)
  const slowMean = localMean(brain, box.shape, spacing, SLOW_WIDTH)

  const even = withoutRelativeSensitivity(input, output, brain, slowMean, classes)
  const aligned = alignIntensities(even, output, brain, classes)
  const residual = output.map((value, i) => (brain[i] ? value - aligned[i]! : 0))
  const slow = slowMean(residual)
  for (let i = 0; i < residual.length; i++) residual[i]! -= slow[i]!
  const changed = changedVoxels(residual, output, brain, box.shape)
  let voxels = 0
  let lost = 0
  for (let i = 0; i < brain.length; i++) {
    if (brain[i]) voxels++
    lost += changed[i]!
  }
  return {
    ssim: structuralSimilarity(aligned, output, brain, box.shape),
    ...edgeAgreement(aligned, output, brain, box.shape, spacing),
    structureIndex: 1 - lost / voxels,
    residual: box.paste(residual),
    changed: box.paste(changed),
  }
}

/**
 * `before` divided by the slow factor between it and `after`: the sensitivity of the receiver, as far as the
 * normaliser took it away. With it in place tissues overlap in intensity, and no single map could align them.
 *
 * The factor f brings f times the aligned `after` nearest to `before` in local least squares.
 */
function withoutRelativeSensitivity(
  before: Float32Array,
  after: Float32Array,
  mask: Uint8Array,
  slowMean: LocalMean,
  labels?: Uint8Array,
): Float32Array {
  // A sensitivity multiplies, so the bottom must be zero, which z-scores move.
  let lowest = 0
  for (let i = 0; i < mask.length; i++) if (mask[i]) lowest = Math.min(lowest, before[i]!)
  const shifted = before.map((value) => value - lowest)
  let even = shifted
  for (let round = 0; round < SENSITIVITY_ROUNDS; round++) {
    const target = alignIntensities(after, even, mask, labels)
    const products = slowMean(target.map((value, i) => value * shifted[i]!))
    const squares = slowMean(target.map((value) => value * value))
    // Only a degenerate image has no positive factor.
    even = shifted.map((value, i) =>
      products[i]! > 0 && squares[i]! > 0 ? (value * squares[i]!) / products[i]! : value,
    )
  }
  return even
}

function changedVoxels(
  residual: Float32Array,
  after: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
): Uint8Array {
  const brain = (image: Float32Array) => image.filter((_, i) => mask[i]! > 0)
  const values = brain(after).sort()
  const median = sortedQuantile(brain(residual).sort(), 0.5)
  const deviations = brain(residual).map((value) => Math.abs(value - median))
  const spread = 1.4826 * sortedQuantile(deviations.sort(), 0.5)
  const contrast = sortedQuantile(values, 0.95) - sortedQuantile(values, 0.05)
  const [least, most] = CONTRAST_SHARES
  const limit = Math.max(least * contrast, Math.min(most * contrast, 3 * spread))

  const changed = new Uint8Array(mask.length)
  for (let i = 0; i < mask.length; i++) if (mask[i] && Math.abs(residual[i]!) > limit) changed[i] = 1
  const { labels, sizes } = connectedComponents(changed, shape)
  for (let i = 0; i < changed.length; i++) {
    if (changed[i] && sizes[labels[i]! - 1]! < SMALLEST_CLUSTER) changed[i] = 0
  }
  return changed
}
