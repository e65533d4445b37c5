import { ConfigError } from './errors.ts'
import { permutation } from './random.ts'

/** Which patch of a site's fixed pool stands at one place of a batch. */
export interface BatchEntry {
  /** Domain number of the site. */
  readonly site: number
  /** Number of the patch in the pool of the site, for `PatchSampler.draw`. */
  readonly index: number
}

/** Settings of {@link batchSchedule}. */
export interface BatchScheduleOptions {
  /** Number of sites. */
  readonly sites: number
  /** Size of every site's pool of patches (40,000 in the paper). */
  readonly patchesPerSite: number
  /** Patches per batch. */
  readonly batch: number
  readonly seed: number
  /** `balanced`: equal quotas of the sites in every batch; `shuffled`: a uniform shuffle of all pools together. */
  readonly composition?: 'balanced' | 'shuffled'
}

/** Composition of every batch of a training. */
export interface BatchSchedule {
  /** Batches that one pass over all pools gives; a last incomplete batch is dropped. */
  readonly iterationsPerEpoch: number
  /**
   * Entries of one batch. `batchIndex` tells apart the batches of one iteration: Algorithm 1 draws fresh ones for
   * every discriminator step and for the segmenter-generator step, each in an order of its own.
   */
  batchAt(epoch: number, iteration: number, batchIndex: number): BatchEntry[]
}

/**
 * Plans batches over the sites' fixed pools, reshuffled every epoch, as a pure function of seed and counters.
 *
 * In a balanced batch neighbouring entries are from different sites, so that parts of it are balanced too; where
 * the batch is no multiple of the number of sites, the sites take turns. Every patch is used once in a pass; more
 * iterations than `iterationsPerEpoch` start another pass in another order. Throws ConfigError when the pools
 * together are smaller than one batch.
 */
export function batchSchedule(options: BatchScheduleOptions): BatchSchedule {
  const { sites, patchesPerSite, batch, seed, composition = 'balanced' } = options
  const iterationsPerEpoch = Math.floor((sites * patchesPerSite) / batch)
  if (iterationsPerEpoch < 1) {
    throw new ConfigError(
      `${sites} pools of ${patchesPerSite} patches are smaller than one batch of ${batch}.`,
      {
        fix: 'take more patches of each site, or a smaller batch',
        remedy: 'patches',
      },
    )
  }
  function batchAt(epoch: number, iteration: number, batchIndex: number): BatchEntry[] {
    const path = ['batch', epoch, batchIndex]
    const places = Array.from({ length: batch }, (_, place) => iteration * batch + place)
    if (composition === 'shuffled') {
      const order = permutation(sites * patchesPerSite, seed, ...path)
      return places.map((place) => {
        const position = order.at(place)
        return { site: Math.floor(position / patchesPerSite), index: position % patchesPerSite }
      })
    }
    const orders = Array.from({ length: sites }, (_, site) =>
      permutation(patchesPerSite, seed, ...path, site),
    )
    return places.map((place) => {
      const site = place % sites
      return { site, index: orders[site]!.at(Math.floor(place / sites)) }
    })
  }
  return { iterationsPerEpoch, batchAt }
}
