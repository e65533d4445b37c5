import {
  accuracy,
  type ConfusionMatrix,
  confusionFractions,
  type PatchDraw,
  type PreparedSubject,
  patchSampler,
} from '@voxnorm/data'
import {
  compile,
  f32,
  input,
  inputNames,
  largestBytes,
  type Plan,
  type Runtime,
  SlotPool,
  tensorRoom,
  u32,
} from '@voxnorm/tensor'
import { viewGeometry } from './architectures.ts'
import type { ModelConfig } from './config.ts'
import { argmax, judgementOf } from './discriminator-logits.ts'
import type { StoredModel } from './model-file.ts'
import { allocateNetworks, disposeNetworks, loadNetworks, makeNetworks, type Networks } from './networks.ts'
import { inBatches } from './patch-batches.ts'
import { type CutBatch, firstChannel, forEachBatch, type PatchPasses, passPatches } from './patch-passes.ts'
import { checkChannels } from './volume-check.ts'
import { type VolumeViews, viewInput, viewSubjects } from './volume-view.ts'

/** One patch of a subject, and what a model makes of it. */
export interface ProbedPatch {
  /** Name of the subject's site, which the model need not know. */
  readonly site: string
  readonly subject: string
  /** `[P, P, P]` each: the first modality as the networks see it, and as G gives it back; undefined without G. */
  readonly input: Float32Array
  readonly generated: Float32Array | undefined
  /** `[P, P, P]`: internal classes. */
  readonly labels: Uint8Array
  /**
   * D's probabilities of `[sites…, generated]`, the sites being the model's, for the patch itself and for what G makes
   * of it; undefined without D. Where D tells apart what is generated from the sites, these classes count as one.
   */
  readonly real: Float64Array | undefined
  readonly fake: Float64Array | undefined
}

/** Which patches are looked at. */
export interface ProbeOptions {
  readonly patchesPerSubject: number
  /** The same seed gives the same patches of a subject for every model of the same patch size. */
  readonly seed: number
  /** Patches at once; by default as many as suit the device, 8 at most. */
  readonly batch?: number
  /** Called after every batch with the number of patches. */
  readonly onProgress?: (done: number, total: number) => void
  /** Gives up between two batches. */
  readonly signal?: AbortSignal
}

/** More patches at once gain nothing and cost memory. */
const LARGEST_BATCH = 8

/**
 * Runs G and, where there is one, D in evaluation mode on patches whose centres are drawn from the tissue of each
 * subject, without replacement while there are centres left. The patches come back in the order of the subjects, all in
 * memory: about 9 bytes for every voxel.
 *
 * Throws DataError for subjects without labels or with other images than the model takes, and the signal's reason
 * when it came.
 */
export async function probePatches(
  runtime: Runtime,
  model: StoredModel,
  subjects: readonly PreparedSubject[],
  options: ProbeOptions,
): Promise<ProbedPatch[]> {
  const { config } = model
  const { onProgress, signal } = options
  for (const subject of subjects) checkChannels(config, subject)
  const total = subjects.length * options.patchesPerSubject
  const patches: ProbedPatch[] = []
  const geometry = model.names.includes('generator') ? viewGeometry(config) : undefined
  const views = geometry && (await viewSubjects(runtime, geometry, subjects))
  const batch = options.batch ?? batchFor(runtime, model, views)
  const probe = await createProbe(runtime, model, batch, views)
  try {
    const batches = inBatches(drawPatches(subjects, config.patch, options), batch)
    const seesTissues = probe.wanted.has('labels')
    const feeds = ({ images, labels }: CutBatch) => ({ patches: images, ...(seesTissues && { labels }) })
    const run = { plan: probe.plan, batch, patch: config.patch, feeds, views, signal }
    const finished = await forEachBatch(batches, run, (cut, results) => {
      patches.push(...probedOf(cut, results, config, batch))
      onProgress?.(patches.length, total)
    })
    if (!finished) signal?.throwIfAborted()
  } finally {
    probe.dispose()
  }
  return patches
}

/** Every subject has a sampler of its own, so that its patches do not depend on who else is looked at. */
function* drawPatches(
  subjects: readonly PreparedSubject[],
  patch: number,
  { patchesPerSubject, seed }: ProbeOptions,
): Generator<PatchDraw> {
  for (const subject of subjects) {
    const sampler = patchSampler([subject], { patch, seed })
    for (let index = 0; index < patchesPerSubject; index++) yield sampler.draw(0, index)
  }
}

function probeGraph(
  networks: Networks,
  config: ModelConfig,
  batch: number,
  views: VolumeViews | undefined,
): PatchPasses {
  const { patch, modalities } = config
  const x = input('patches', f32(batch, patch, patch, patch, modalities.length))
  const labels = input('labels', u32(batch, patch, patch, patch))
  const view = views && viewInput(views.geometry, views.cells, batch)
  return passPatches(networks, config, x, { view, labels })
}

/** A model on a device. Without a generator there is nothing to compute. */
async function createProbe(
  runtime: Runtime,
  { config, names, tensors }: StoredModel,
  batch: number,
  views: VolumeViews | undefined,
): Promise<{ readonly plan: Pick<Plan, 'run'>; readonly wanted: ReadonlySet<string>; dispose(): void }> {
  if (!names.includes('generator')) {
    return { plan: { run: async () => ({}) }, wanted: new Set(), dispose: () => undefined }
  }
  const networks = makeNetworks(config, names)
  await allocateNetworks(runtime, networks)
  loadNetworks(networks, tensors)
  const pool = new SlotPool(runtime)
  const outputs = { ...probeGraph(networks, config, batch, views) }
  const plan = await compile(runtime, { name: 'patch probe', outputs }, { pool })
  return {
    plan,
    wanted: inputNames(Object.values(outputs)),
    dispose() {
      plan.dispose()
      pool.dispose()
      disposeNetworks(networks)
    },
  }
}

function batchFor(runtime: Runtime, { config, names }: StoredModel, views: VolumeViews | undefined): number {
  const graph = probeGraph(makeNetworks(config, names), config, 1, views)
  const bytes = largestBytes(Object.values(graph))
  return Math.max(1, Math.min(LARGEST_BATCH, Math.floor(tensorRoom(runtime) / bytes)))
}

function probedOf(
  { drawn, images, labels }: CutBatch,
  { image, realLogits, fakeLogits }: Record<string, Float32Array>,
  config: ModelConfig,
  batch: number,
): ProbedPatch[] {
  const voxels = config.patch ** 3
  const judged = (logits: Float32Array | undefined, place: number): Float64Array | undefined => {
    if (logits === undefined) return undefined
    const kinds = logits.length / batch
    return judgementOf(logits.subarray(place * kinds, (place + 1) * kinds), config.sites.length)
  }
  // Copies: a view would keep its whole batch in memory.
  return drawn.map(({ subject }, place) => ({
    site: subject.site,
    subject: subject.id,
    input: firstChannel(images, place, config).slice(),
    generated: image && firstChannel(image, place, config).slice(),
    labels: Uint8Array.from(labels.subarray(place * voxels, (place + 1) * voxels)),
    real: judged(realLogits, place),
    fake: judged(fakeLogits, place),
  }))
}

/**
 * How D judges patches: rows are what a patch is, columns what D takes it for, both `[sites…, generated]`; fractions of
 * all patches, the real and the generated together. `sites` are those of the model. Patches of other sites have no row
 * and are left out, as are patches that no D has seen; every cell is NaN when none is left.
 */
export const discriminatorConfusion = (
  patches: readonly ProbedPatch[],
  sites: readonly string[],
): number[][] => confusionFractions(countJudgements(patches, sites))

/** The sum of the diagonal of {@link discriminatorConfusion}: 0 to 1, the accuracy of the paper's Table 7. */
export const discriminatorAccuracy = (patches: readonly ProbedPatch[], sites: readonly string[]): number =>
  accuracy(countJudgements(patches, sites))

function countJudgements(patches: readonly ProbedPatch[], sites: readonly string[]): ConfusionMatrix {
  const classes = sites.length + 1
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  let total = 0
  for (const { site, real, fake } of patches) {
    const actual = sites.indexOf(site)
    if (actual < 0 || !real || !fake) continue
    counts[actual]![argmax(real)]!++
    counts[sites.length]![argmax(fake)]!++
    total += 2
  }
  return { classes, total, counts }
}
