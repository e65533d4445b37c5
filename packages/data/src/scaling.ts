import { DataError } from './errors.ts'
import { max, unitZscore, zscore } from './scaling/linear.ts'
import type { ScalingMethod } from './scaling/method.ts'
import { nyul } from './scaling/standard-scale.ts'
import { whiteStripeScaling } from './scaling/white-stripe.ts'

const STANDARD = {
  max,
  zscore,
  'unit-zscore': unitZscore,
  nyul,
  'white-stripe': whiteStripeScaling,
} as const satisfies Scalings

/** Scalings by the names of configs and model files. */
export type Scalings = Readonly<Record<string, ScalingMethod>>

/** The name of a scaling. */
export type Scaling = keyof typeof STANDARD

/** The scalings that there are; another one is a row here. */
export const SCALINGS: Readonly<Record<Scaling, ScalingMethod>> = STANDARD

/** How {@link scaleIntensities} scales, besides the name of the scaling. */
export interface ScaleOptions {
  /** For errors. */
  readonly file?: string | undefined
  /** What the scaling learnt of this modality from the training subjects, if it learns. */
  readonly learnt?: readonly number[] | undefined
  /** The scalings that may be named. */
  readonly scalings?: Scalings
}

/**
 * Scales one modality of a volume by what its brain voxels hold; voxels outside the mask become 0.
 *
 * Statistics are taken over the mask so that they do not depend on the padding. Throws DataError, with `file`, when the
 * brain is empty or has no contrast.
 */
export function scaleIntensities(
  image: Float32Array,
  mask: Uint8Array,
  scaling: Scaling,
  { file, learnt, scalings = SCALINGS }: ScaleOptions = {},
): Float32Array<ArrayBuffer> {
  const details = file === undefined ? {} : { file }
  if (!mask.some((inside) => inside > 0))
    throw new DataError('The brain mask of the image is empty.', details)
  const method = scalings[scaling]!
  const fitted = method.fit(image, mask)
  if (fitted === undefined)
    throw new DataError('The image has no intensities to scale within the brain mask.', details)
  const scale = method.apply(fitted, learnt)
  const scaled = new Float32Array(image.length)
  for (let voxel = 0; voxel < image.length; voxel++) {
    if (mask[voxel]! > 0) scaled[voxel] = scale(image[voxel]!)
  }
  return scaled
}
