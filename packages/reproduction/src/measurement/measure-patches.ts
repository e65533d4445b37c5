import { type PreparedSubject, patchFeatures, probeSites, type SiteProbe } from '@voxnorm/data'
import {
  discriminatorAccuracy,
  discriminatorConfusion,
  type ProbedPatch,
  probePatches,
} from '@voxnorm/models'
import type { Runtime } from '@voxnorm/tensor'
import type { Judgement, MeasuredPatches } from './records.ts'
import type { TrainedModel } from './trained-model.ts'

/** Patches in a mosaic, the sites in turn: four rows of four. */
const EXAMPLES = 16
/** Shuffles of the sites that a p-value is counted from. */
const PERMUTATIONS = 199

/** Prepared subjects by what they were for in the training. */
export interface ProbedSubjects {
  readonly train: readonly PreparedSubject[]
  readonly validation: readonly PreparedSubject[]
  readonly test: readonly PreparedSubject[]
}

/**
 * Draws the same patches for every run of a patch size, and measures how much they tell of their site: to the
 * discriminator in evaluation mode, and to a classifier that had no part in the training.
 */
export async function measurePatches(
  runtime: Runtime,
  model: TrainedModel,
  subjects: ProbedSubjects,
  options: { readonly patchesPerSubject: number; readonly seed: number },
): Promise<MeasuredPatches> {
  const probe = (list: readonly PreparedSubject[]) => probePatches(runtime, model.stored, list, options)
  const train = await probe(subjects.train)
  const validation = await probe(subjects.validation)
  const test = await probe(subjects.test)
  const all = [...train, ...validation, ...test]
  const side = model.config.patch
  const judge = (patches: readonly ProbedPatch[]): Judgement => ({
    accuracy: discriminatorAccuracy(patches, model.config.sites),
    confusion: discriminatorConfusion(patches, model.config.sites),
  })
  const raw = guessSites(all, side, options.seed, ({ input }) => input)
  return {
    sites: {
      raw,
      normalized: model.normalizes ? guessSites(all, side, options.seed, ({ generated }) => generated!) : raw,
    },
    discriminator: model.stored.names.includes('discriminator')
      ? { train: judge(train), test: judge(test) }
      : undefined,
    side,
    examples: examplesOf(train, side),
  }
}

function guessSites(
  patches: readonly ProbedPatch[],
  side: number,
  seed: number,
  valuesOf: (patch: ProbedPatch) => Float32Array,
): SiteProbe {
  const described = patches.map((patch) => ({
    site: patch.site,
    // Two sites may use the same identifiers for different people.
    subject: `${patch.site}/${patch.subject}`,
    features: patchFeatures(valuesOf(patch), patch.labels, side),
  }))
  return probeSites(described, { seed, permutations: PERMUTATIONS })
}

/** Middle planes of patches that are spread over the subjects, the sites in turn. */
function examplesOf(patches: readonly ProbedPatch[], side: number): MeasuredPatches['examples'] {
  const sites = [...new Set(patches.map(({ site }) => site))]
  const perSite = Math.ceil(EXAMPLES / sites.length)
  const chosen = sites.map((site) => {
    const own = patches.filter((patch) => patch.site === site)
    return Array.from({ length: perSite }, (_, index) => own[Math.floor((index * own.length) / perSite)]!)
  })
  const mixed = Array.from({ length: perSite }, (_, index) => chosen.map((list) => list[index]!)).flat()
  const middle = (values: Float32Array) => {
    const start = Math.floor(side / 2) * side * side
    return Array.from(values.subarray(start, start + side * side), (value) => Number(value.toFixed(4)))
  }
  return mixed.slice(0, EXAMPLES).map(({ site, input, generated }) => ({
    site,
    raw: middle(input),
    normalized: middle(generated ?? input),
  }))
}
