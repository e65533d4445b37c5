import {
  applyBiasField,
  batchSchedule,
  biasFieldRamp,
  drawBiasField,
  extractPatch,
  type PatchDraw,
  type PreparedSubject,
  patchSampler,
  randomStream,
} from '@voxnorm/data'
import type { TrainingConfig } from './config.ts'
import type { PatchBatch } from './trainer.ts'
import { type SeenPatch, type VolumeViews, viewFeeds } from './volume-view.ts'

/** The batches of a training, each a function of the seed and of its counters alone. */
export interface PatchBatches {
  readonly iterationsPerEpoch: number
  /** `index` tells apart the batches of one iteration: D's steps, then the step of G and S. */
  at(epoch: number, iteration: number, index: number): PatchBatch
}

/** Settings that batches depend on. */
export type BatchConfig = Pick<TrainingConfig, 'seed' | 'data' | 'train' | 'augment'>

/**
 * Plans the batches of a training (docs/method.md#patches-and-batches): equal quotas of the sites, and with augmentation
 * a degraded view of some patches next to the clean one. Throws ConfigError for pools smaller than a batch.
 */
export function trainingBatches(
  config: BatchConfig,
  subjects: readonly PreparedSubject[],
  sites: readonly string[],
  views?: VolumeViews,
): PatchBatches {
  const { seed, data, train, augment } = config
  const { patch, patchesPerSite } = data
  const { batch } = train
  const sampler = patchSampler(subjects, { patch, seed, sites })
  const schedule = batchSchedule({ sites: sites.length, patchesPerSite, batch, seed })
  const { biasField } = augment
  return {
    iterationsPerEpoch:
      train.iterationsPerEpoch === 'auto' ? schedule.iterationsPerEpoch : train.iterationsPerEpoch,
    at(epoch, iteration, index) {
      const entries = schedule.batchAt(epoch, iteration, index)
      const draws = entries.map((entry) => sampler.draw(entry.site, entry.index))
      const { images, labels, sites: numbers } = cutPatches(draws, patch)
      const clean = { patches: images, clean: images, labels, sites: numbers }
      if (biasField.probability === 0) return { ...clean, ...(views && viewFeeds(views, draws)) }
      const patches = images.slice()
      const seen = draws.map((draw, place): SeenPatch => {
        const alpha = drawBiasField(randomStream(seed, 'bias', epoch, iteration, index, place), biasField)
        if (alpha === undefined) return draw
        degrade(patches, draw, place, patch, alpha)
        return { ...draw, ramp: biasFieldRamp(draw.subject.shape[1], alpha) }
      })
      return { ...clean, patches, ...(views && viewFeeds(views, seen)) }
    },
  }
}

/** Cuts the patches of a batch out of their subjects. */
export function cutPatches(
  draws: readonly PatchDraw[],
  patch: number,
): { readonly images: Float32Array; readonly labels: Uint32Array; readonly sites: Uint32Array } {
  const voxels = patch ** 3
  const channels = draws[0]!.subject.channels
  const images = new Float32Array(draws.length * voxels * channels)
  const classes = new Uint8Array(draws.length * voxels)
  draws.forEach((draw, place) => {
    extractPatch(draw, patch, images, place * voxels * channels, classes, place * voxels)
  })
  return { images, labels: Uint32Array.from(classes), sites: Uint32Array.from(draws, ({ site }) => site) }
}

function degrade(patches: Float32Array, draw: PatchDraw, place: number, patch: number, alpha: number): void {
  const { subject, corner } = draw
  const length = patch ** 3 * subject.channels
  const view = patches.subarray(place * length, (place + 1) * length)
  const size = [patch, patch, patch] as const
  const where = { size, channels: subject.channels, imageHeight: subject.shape[1], firstRow: corner[1] }
  view.set(applyBiasField(view, where, alpha))
}

/** The patches that every validation looks at, in batches; the last one may be shorter. */
export function validationBatches(
  config: BatchConfig,
  subjects: readonly PreparedSubject[],
  sites: readonly string[],
  options: { readonly batch: number; readonly patchesPerSite: number },
): { readonly sites: readonly string[]; draws(): Generator<PatchDraw[]> } {
  const present = sites.filter((site) => subjects.some((subject) => subject.site === site))
  const { patch } = config.data
  const sampler = patchSampler(subjects, { patch, seed: config.seed, sites: present })
  function* draws(): Generator<PatchDraw> {
    for (const [number, site] of present.entries()) {
      for (let index = 0; index < options.patchesPerSite; index++) {
        // The sampler numbers the sites that it has; D knows those of the training.
        yield { ...sampler.draw(number, index), site: sites.indexOf(site) }
      }
    }
  }
  return { sites: present, draws: () => inBatches(draws(), options.batch) }
}

/** Patches in groups of `size`; the last one may be shorter. */
export function* inBatches(draws: Iterable<PatchDraw>, size: number): Generator<PatchDraw[]> {
  let batch: PatchDraw[] = []
  for (const draw of draws) {
    batch.push(draw)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
