import type { PatchDraw } from '@voxnorm/data'
import type { Feeds, Plan, Tensor } from '@voxnorm/tensor'
import type { ModelConfig } from './config.ts'
import { discriminate, generate, type Networks } from './networks.ts'
import { cutPatches } from './patch-batches.ts'
import { type VolumeView, type VolumeViews, viewFeeds } from './volume-view.ts'

/** G and D on patches in evaluation mode; a tensor is missing where its network is. */
export interface PatchPasses {
  /** `[N, P, P, P, C]`: G's output. */
  readonly image?: Tensor
  /** D's logits for the patches and for G's output, `[N, classes]` each. */
  readonly realLogits?: Tensor
  readonly fakeLogits?: Tensor
}

/** What G and D make of patches `x [N, P, P, P, C]` in evaluation mode, for a G that sees volumes and a D that sees tissues. */
export function passPatches(
  networks: Networks,
  model: ModelConfig,
  x: Tensor,
  { view, labels }: { readonly view?: VolumeView | undefined; readonly labels: Tensor },
): PatchPasses {
  if (!networks.generator) return {}
  const { image } = generate(networks, model, x, 'evaluation', view)
  if (!networks.discriminator) return { image }
  const told = networks.discriminator.seesTissues ? { labels } : {}
  const judged = (patches: Tensor) =>
    discriminate(networks, model, patches, { mode: 'evaluation', ...told }).logits
  return { image, realLogits: judged(x), fakeLogits: judged(image) }
}

/** Patches that the device has seen: where they are from, and what was cut out there. */
export interface CutBatch {
  readonly drawn: readonly PatchDraw[]
  /** `[N, P, P, P, C]`; N can be larger than the number of draws. */
  readonly images: Float32Array
  /** `[N, P, P, P]`, internal classes. */
  readonly labels: Uint32Array
}

/** How {@link forEachBatch} runs. */
export interface BatchRun {
  readonly plan: Pick<Plan, 'run'>
  /** Patches that the plan takes at once. */
  readonly batch: number
  /** Side of the patches in voxels. */
  readonly patch: number
  /** What the plan wants to know of a batch. */
  readonly feeds: (batch: CutBatch) => Feeds
  /** For a generator that sees volumes; `cells` and `origins` are then fed besides. */
  readonly views?: VolumeViews | undefined
  /** Looked at before every batch. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Cuts out batches of patches, runs a plan on each and hands over the results in order. Resolves with false when the
 * signal came first.
 */
export async function forEachBatch(
  batches: Iterable<readonly PatchDraw[]>,
  { plan, batch, patch, feeds, views, signal }: BatchRun,
  take: (batch: CutBatch, results: Record<string, Float32Array>) => void,
): Promise<boolean> {
  // One batch ahead: the device computes while the host counts the batch before.
  let before: (() => Promise<void>) | undefined
  for (const drawn of batches) {
    if (signal?.aborted) {
      await before?.()
      return false
    }
    // A short last batch is filled up with repetitions that are not counted.
    const filled = Array.from({ length: batch }, (_, place) => drawn[place % drawn.length]!)
    const { images, labels } = cutPatches(filled, patch)
    const cut = { drawn, images, labels }
    const running = plan.run({ ...feeds(cut), ...(views && viewFeeds(views, filled)) })
    // When the batch before fails, nobody awaits this one any more.
    running.catch(() => undefined)
    await before?.()
    before = async () => take(cut, await running)
  }
  await before?.()
  return true
}

/** The first channel of a patch in a batch `[N, P, P, P, C]`; a view where there is no other. */
export function firstChannel(
  values: Float32Array,
  place: number,
  { patch, modalities }: Pick<ModelConfig, 'patch' | 'modalities'>,
): Float32Array {
  const voxels = patch ** 3
  const channels = modalities.length
  if (channels === 1) return values.subarray(place * voxels, (place + 1) * voxels)
  return Float32Array.from({ length: voxels }, (_, voxel) => values[(place * voxels + voxel) * channels]!)
}
