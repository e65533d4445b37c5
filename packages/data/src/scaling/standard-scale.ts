import { sortedQuantile } from '../metrics/quantile.ts'
import { sortedBrainValues } from './brain-values.ts'
import type { BrainImage, ScalingMethod } from './method.ts'

/** Percentiles of the brain that are brought to the standard scale (Nyúl et al. 2000, landmarks L4). */
export const LANDMARK_PERCENTILES: readonly number[] = [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99]

/** Ends of the standard scale: the first and the last landmark, with room in 0..1 for what lies beyond them. */
const ENDS = [0.1, 0.9] as const

/** The landmarks of the `ascending` values of a brain, in their unit. */
export function landmarksOf(ascending: Float32Array): number[] {
  return LANDMARK_PERCENTILES.map((percentile) => sortedQuantile(ascending, percentile / 100))
}

/** A straight line that brings the first landmark to 0.1 and the last to 0.9: the images that a scale is learnt from. */
export function lineBetweenEnds(landmarks: readonly number[]): (value: number) => number {
  const [first, last] = [landmarks[0]!, landmarks.at(-1)!]
  return (value) => ENDS[0] + ((value - first) / (last - first)) * (ENDS[1] - ENDS[0])
}

/**
 * Learns the standard scale: for each channel the mean over the subjects of their landmarks, each subject's brought to
 * 0.1..0.9 first (Nyúl & Udupa 1999, first stage). How the images were scaled does not matter, as long as it was linear.
 *
 * Only training subjects may be given. There must be at least one, and their brains must have contrast.
 */
export function learnStandardScale(subjects: readonly BrainImage[]): number[][] {
  const { channels } = subjects[0]!
  return Array.from({ length: channels }, (_, channel) => {
    const scale = LANDMARK_PERCENTILES.map(() => 0)
    for (const { image, mask } of subjects) {
      const landmarks = landmarksOf(sortedBrainValues(channelOf(image, channels, channel), mask))
      const line = lineBetweenEnds(landmarks)
      landmarks.forEach((landmark, index) => {
        scale[index] = scale[index]! + line(landmark) / subjects.length
      })
    }
    return scale
  })
}

/**
 * Brings a value to the standard scale: piecewise linear between the landmarks, beyond them along the last piece, and
 * never outside 0..1 (Nyúl & Udupa 1999, second stage).
 *
 * Landmarks that coincide, as in images of few grey levels, are a step; a value on it goes to its upper end.
 */
export function standardiser(
  landmarks: readonly number[],
  scale: readonly number[],
): (value: number) => number {
  const last = landmarks.length - 2
  return (value) => {
    let piece = 0
    while (piece < last && value >= landmarks[piece + 1]!) piece++
    const width = landmarks[piece + 1]! - landmarks[piece]!
    const from = scale[piece]!
    const to = scale[piece + 1]!
    const slope = width > 0 ? (to - from) / width : 0
    const start = width > 0 || value < landmarks[piece]! ? from : to
    return Math.min(1, Math.max(0, start + slope * (value - landmarks[piece]!)))
  }
}

/** A prepared subject whose images a straight line has brought to 0.1..0.9, brought to the standard scale. */
export function applyStandardScale<T extends BrainImage>(
  subject: T,
  standardScale: readonly (readonly number[])[],
): T {
  const { image, mask, channels } = subject
  const scaled = new Float32Array(image.length)
  standardScale.forEach((scale, channel) => {
    const values = channelOf(image, channels, channel)
    const standardise = standardiser(landmarksOf(sortedBrainValues(values, mask)), scale)
    for (let voxel = 0; voxel < mask.length; voxel++) {
      if (mask[voxel]! > 0) scaled[voxel * channels + channel] = standardise(values[voxel]!)
    }
  })
  return { ...subject, image: scaled }
}

function channelOf(
  image: Float32Array<ArrayBuffer>,
  channels: number,
  channel: number,
): Float32Array<ArrayBuffer> {
  if (channels === 1) return image
  return Float32Array.from(
    { length: image.length / channels },
    (_, voxel) => image[voxel * channels + channel]!,
  )
}

/**
 * Brings percentiles to a scale that was learnt. Without one it is a straight line that brings the percentiles 1 and 99 to
 * 0.1 and 0.9, which is what a scale is learnt from.
 */
export const nyul: ScalingMethod<readonly number[]> = {
  unitRange: true,
  greys: [0, 1],
  fit(image, mask) {
    const landmarks = landmarksOf(sortedBrainValues(image, mask))
    return landmarks.at(-1)! > landmarks[0]! ? landmarks : undefined
  },
  apply: (landmarks, scale) =>
    scale === undefined ? lineBetweenEnds(landmarks) : standardiser(landmarks, scale),
  learning: {
    what: 'landmarks',
    length: LANDMARK_PERCENTILES.length,
    learn: learnStandardScale,
    apply: applyStandardScale,
  },
}
