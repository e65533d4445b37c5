import { findBackground, LEAST_BACKGROUND } from './background.ts'
import type { Volume } from './image/volume.ts'

/** An image whose zero means no signal. */
export interface ZeroedImage {
  readonly data: Float32Array
  /** A sentence where the intensities were moved by more than a hundredth of their range. */
  readonly warning?: string
}

/** Of the brain: interpolations leave less below the background than this, z-scores more. */
const BELOW_BY_CHANCE = 0.05
const TOLD = 0.01

/**
 * Moves intensities so that zero is where no signal is, for scalings that divide: after a z-score, or with an intercept,
 * zero lies elsewhere.
 *
 * That is the background, if there is one and nearly all of the brain is above it; else, where much of the brain is below
 * zero, the lowest value. `mask` is 1 in the brain, on the grid of the image.
 */
export function moveToZero(volume: Volume, mask: Uint8Array): ZeroedImage {
  const { data } = volume
  const { value, share } = findBackground(volume)
  const assumed = share >= LEAST_BACKGROUND ? value : 0
  let count = 0
  let below = 0
  let most = Number.NEGATIVE_INFINITY
  for (let voxel = 0; voxel < data.length; voxel++) {
    if (mask[voxel] === 0) continue
    count++
    if (data[voxel]! < assumed) below++
    if (data[voxel]! > most) most = data[voxel]!
  }
  const zero =
    below <= BELOW_BY_CHANCE * count ? assumed : data.reduce((least, other) => Math.min(least, other), 0)
  if (zero === 0) return { data }
  const moved = data.map((other) => other - zero)
  if (Math.abs(zero) <= TOLD * (most - zero)) return { data: moved }
  return {
    data: moved,
    warning: `The intensities do not begin at zero, as after a z-score; ${Number(zero.toPrecision(3))} was subtracted. Use the image from before, if you have it.`,
  }
}
