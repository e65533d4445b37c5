import { DataError } from '../errors.ts'
import { type Shape3, voxelCount } from '../image/volume.ts'
import { fitMixture, type Mixture } from './mixture.ts'

/** Weight of one disagreeing face neighbour against the log-likelihood (Potts). */
const SMOOTHNESS = 0.6
/** Sweeps over the brain; hardly a voxel changes after the fifth. */
const SWEEPS = 6

/**
 * Segments a skull-stripped brain by its intensities alone, without a network: internal classes 1 to 3, 0 outside the mask.
 *
 * A mixture of three Gaussians ({@link fitMixture}), then iterated conditional modes with a Potts prior over the 6 neighbours
 * (Besag 1986). `reference` (internal classes) only gives the clusters their names: those that agree best with it, as the sum of
 * the Dice coefficients, so contrast may be inverted. Throws DataError when sizes differ or the mask is empty.
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
  const mixture = fitMixture(image.filter((_, i) => mask[i]! > 0))
  const clusters = smoothClusters(image, mask, shape, mixture)
  const names = bestNames(clusters, reference)
  return clusters.map((cluster) => names[cluster]!)
}

/** Cluster 1, 2 or 3 of every voxel of the mask after the sweeps, 0 outside. */
function smoothClusters(
  image: Float32Array,
  mask: Uint8Array,
  [nx, ny, nz]: Shape3,
  { weights, means, deviations }: Mixture,
): Uint8Array {
  const clusters = new Uint8Array(mask.length)
  const score = [0, 0, 0, 0]
  const offsets = weights.map((weight, k) => Math.log(weight / deviations[k]!))
  const judge = (voxel: number) => {
    for (let k = 0; k < 3; k++) {
      score[k + 1] = offsets[k]! - 0.5 * ((image[voxel]! - means[k]!) / deviations[k]!) ** 2
    }
  }
  const best = () =>
    score[1]! >= score[2]! ? (score[1]! >= score[3]! ? 1 : 3) : score[2]! >= score[3]! ? 2 : 3
  for (let voxel = 0; voxel < mask.length; voxel++) {
    if (!mask[voxel]) continue
    judge(voxel)
    clusters[voxel] = best()
  }
  const plane = nx * ny
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let voxel = 0
    for (let z = 0; z < nz; z++) {
      for (let y = 0; y < ny; y++) {
        for (let x = 0; x < nx; x++, voxel++) {
          if (!mask[voxel]) continue
          judge(voxel)
          // Outside the mask the cluster is 0, whose score nobody reads.
          if (x > 0) score[clusters[voxel - 1]!]! += SMOOTHNESS
          if (x < nx - 1) score[clusters[voxel + 1]!]! += SMOOTHNESS
          if (y > 0) score[clusters[voxel - nx]!]! += SMOOTHNESS
          if (y < ny - 1) score[clusters[voxel + nx]!]! += SMOOTHNESS
          if (z > 0) score[clusters[voxel - plane]!]! += SMOOTHNESS
          if (z < nz - 1) score[clusters[voxel + plane]!]! += SMOOTHNESS
          clusters[voxel] = best()
        }
      }
    }
  }
  return clusters
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
