import { DataError } from '../errors.ts'
import { type Shape3, voxelCount } from '../image/volume.ts'
import { sortedQuantile } from '../metrics/quantile.ts'
import { brainBox } from './brain-box.ts'
import { iteratedConditionalModes } from './conditional-modes.ts'
import { type LocalMean, localMean } from './local-mean.ts'
import { fitMixture, type Mixture } from './mixture.ts'

/** Rounds of mixture, clusters and sensitivity: ten segment hardly better than four. */
const ROUNDS = 4
/** Width of what counts as slow, as a share of the edge of a cube as large as the brain: about 45 mm in an adult. */
const SLOW_SHARE = 0.42

/**
 * Segments a skull-stripped brain by its intensities alone, without a network: internal classes 1 to 3, 0 outside
 * the mask.
 *
 * In turns: a mixture of three Gaussians, fitted to the even half of the brain ({@link evenVoxels}); clusters with a
 * Potts prior ({@link iteratedConditionalModes}); and the receiver's sensitivity, as the slow factor between the
 * image and the clusters' means (after Wells et al. 1996). `reference` (internal classes) only gives the clusters
 * their names: those that agree best with it, as the sum of the Dice coefficients, so contrast may be inverted.
 * Throws DataError when sizes differ or the mask is empty.
 */
export function segmentClassically(
  image: Float32Array,
  mask: Uint8Array,
  shape: Shape3,
  reference: Uint8Array,
): Uint8Array {
  const count = voxelCount(shape)
  if ([image.length, mask.length, reference.length].some((length) => length !== count)) {
    throw new DataError(`Segmenter: image, mask and reference do not all have the grid ${shape.join(' x ')}.`)
  }
  const box = brainBox(mask, shape)
  const brain = box.cut(mask)
  const original = aboveZero(box.cut(image), brain)
  const voxels = brain.reduce((sum, inside) => sum + (inside ? 1 : 0), 0)
  const slowMean = localMean(brain, box.shape, [1, 1, 1], SLOW_SHARE * Math.cbrt(voxels))

  let corrected = original
  let clusters: Uint8Array = new Uint8Array(brain.length)
  for (let round = 1; round <= ROUNDS; round++) {
    const mixture = fitMixture(evenVoxels(corrected, brain, box.shape))
    clusters = iteratedConditionalModes(corrected, brain, box.shape, mixture)
    if (round < ROUNDS) corrected = withoutSensitivity(original, clusters, brain, slowMean, mixture)
  }
  const names = bestNames(clusters, box.cut(reference))
  return box.paste(clusters.map((cluster) => names[cluster]!))
}

/** The image, shifted where it has negative values (z-scores): a sensitivity multiplies, so zero must be the bottom. */
function aboveZero(image: Float32Array, mask: Uint8Array): Float32Array {
  let lowest = 0
  for (let i = 0; i < mask.length; i++) if (mask[i]) lowest = Math.min(lowest, image[i]!)
  return image.map((value) => value - lowest)
}

/**
 * Intensities of the half of the brain that differs least from its neighbours.
 *
 * Voxels on tissue borders mix two tissues; left in, they make up a broad component of their own that swallows fluid.
 */
function evenVoxels(image: Float32Array, mask: Uint8Array, [nx, ny, nz]: Shape3): Float32Array {
  const plane = nx * ny
  const values: number[] = []
  const ranges: number[] = []
  let voxel = 0
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, voxel++) {
        if (!mask[voxel]) continue
        let low = image[voxel]!
        let high = low
        const look = (neighbour: number) => {
          if (!mask[neighbour]) return
          low = Math.min(low, image[neighbour]!)
          high = Math.max(high, image[neighbour]!)
        }
        if (x > 0) look(voxel - 1)
        if (x < nx - 1) look(voxel + 1)
        if (y > 0) look(voxel - nx)
        if (y < ny - 1) look(voxel + nx)
        if (z > 0) look(voxel - plane)
        if (z < nz - 1) look(voxel + plane)
        values.push(image[voxel]!)
        ranges.push(high - low)
      }
    }
  }
  const limit = sortedQuantile(Float32Array.from(ranges).sort(), 0.5)
  return Float32Array.from(values.filter((_, i) => ranges[i]! <= limit))
}

/**
 * The image v divided by the slow factor f that brings f times the clusters' means m nearest to it in local least
 * squares: f = mean(m v) / mean(m²), with means over the neighbourhood.
 */
function withoutSensitivity(
  image: Float32Array,
  clusters: Uint8Array,
  mask: Uint8Array,
  slowMean: LocalMean,
  { means }: Mixture,
): Float32Array {
  const expected = Float32Array.from(clusters, (cluster) => (cluster === 0 ? 0 : means[cluster - 1]!))
  const products = slowMean(expected.map((mean, i) => mean * image[i]!))
  const squares = slowMean(expected.map((mean) => mean * mean))
  // No receiver silences a region: a factor near 0, or none, only comes from a degenerate image.
  return image.map((value, i) => (mask[i] ? value / Math.max(0.1, products[i]! / squares[i]! || 1) : 0))
}

const ORDERS = [
  [0, 1, 2, 3],
  [0, 1, 3, 2],
  [0, 2, 1, 3],
  [0, 2, 3, 1],
  [0, 3, 1, 2],
  [0, 3, 2, 1],
] as const

/** The class of each cluster under the assignment whose Dice coefficients with the reference have the largest sum. */
function bestNames(clusters: Uint8Array, reference: Uint8Array): readonly number[] {
  const both = Array.from({ length: 4 }, () => [0, 0, 0, 0])
  const ofCluster = [0, 0, 0, 0]
  const ofClass = [0, 0, 0, 0]
  for (let i = 0; i < clusters.length; i++) {
    const cluster = clusters[i]!
    const label = reference[i]!
    if (cluster === 0 || label > 3) continue
    both[cluster]![label]!++
    ofCluster[cluster]!++
    ofClass[label]!++
  }
  const agreement = (order: readonly number[]) =>
    [1, 2, 3].reduce((sum, cluster) => {
      const label = order[cluster]!
      return sum + (2 * both[cluster]![label]!) / Math.max(1, ofCluster[cluster]! + ofClass[label]!)
    }, 0)
  return ORDERS.reduce<readonly number[]>(
    (best, order) => (agreement(order) > agreement(best) ? order : best),
    ORDERS[0],
  )
}
