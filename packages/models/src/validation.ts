import {
  accuracy,
  CLASSES,
  confusionFractions,
  intensityHistogram,
  jensenShannon,
  type PreparedSubject,
} from '@voxnorm/data'
import {
  affine,
  classSums,
  compile,
  f32,
  input,
  oneHot,
  type Plan,
  type Runtime,
  type SlotPool,
  softmax,
  type Tensor,
  type TunedKernels,
  u32,
} from '@voxnorm/tensor'
import { classWeightList } from './algorithm1.ts'
import type { ModelConfig, TrainingConfig } from './config.ts'
import { argmax, logProbability, mergeGenerated } from './discriminator-logits.ts'
import type { Measurements } from './iteration.ts'
import { diceLossOfSums } from './losses.ts'
import { type Networks, segment } from './networks.ts'
import { validationBatches } from './patch-batches.ts'
import { type CutBatch, firstChannel, forEachBatch, passPatches } from './patch-passes.ts'
import { type VolumeViews, viewInput } from './volume-view.ts'

/** Measures the networks in evaluation mode. */
export interface Validator {
  /** Resolves with no values when there are no subjects, and with undefined when the signal came first. */
  run(options?: ValidationOptions): Promise<Measurements | undefined>
  dispose(): void
}

/** How much of a validation is wanted. */
export interface ValidationOptions {
  /** All by default. */
  readonly patchesPerSite?: number
  /** Gives the validation up between two batches: it can take longer than a cluster waits. */
  readonly signal?: AbortSignal | undefined
}

/** What a validator looks at. */
export interface ValidatorOptions {
  readonly networks: Networks
  readonly model: ModelConfig
  readonly config: TrainingConfig
  readonly subjects: readonly PreparedSubject[]
  /** Patches at once. */
  readonly batch: number
  readonly views: VolumeViews | undefined
  readonly pool: SlotPool
  readonly tuned: TunedKernels | undefined
}

/** Bins of the histograms behind the Jensen-Shannon divergence. */
const BINS = 256
/**
 * A softmax of logits that are this much farther apart is 1 at the largest and 0 elsewhere: the argmax, without a
 * download of all probabilities.
 */
const SHARPEN = 1e6

/**
 * Compiles the validation: Dice of patches per site and class (pooled over the patches), the loss of S, the losses and
 * the confusion of D on real and generated patches, and how far the sites' intensities are apart before and after G.
 */
export async function createValidator(runtime: Runtime, options: ValidatorOptions): Promise<Validator> {
  const plan = await compileValidation(runtime, options)
  return {
    run: (wanted = {}) =>
      options.subjects.length === 0 ? Promise.resolve({}) : validate(plan, options, wanted),
    dispose: () => plan.dispose(),
  }
}

async function compileValidation(runtime: Runtime, options: ValidatorOptions): Promise<Plan> {
  const { networks, model, batch, pool, tuned, views } = options
  const { patch, modalities } = model
  const x = input('patches', f32(batch, patch, patch, patch, modalities.length))
  const labels = input('labels', u32(batch, patch, patch, patch))
  const view = views && viewInput(views.geometry, views.cells, batch)
  const passes = passPatches(networks, model, x, { view, labels })
  const { output, probabilities } = segment(networks, model, passes.image ?? x, 'evaluation')
  const outputs: Record<string, Tensor> = {
    soft: classSums(probabilities, labels),
    hard: classSums(softmax(affine(output, SHARPEN, 0)), labels),
    reference: classSums(oneHot(labels, model.classes.length), labels),
    ...passes,
  }
  return compile(runtime, { name: 'validation', outputs }, { pool, tuned })
}

/** Sums over patches, by the number of the site. */
interface Sums {
  /** `[site][class]`: overlap, and voxels of prediction and reference. */
  readonly overlap: Float64Array[]
  readonly size: Float64Array[]
  readonly inputs: Float64Array[]
  readonly generated: Float64Array[]
  readonly confusion: number[][]
  loss: number
  real: number
  fake: number
  patches: number
}

async function validate(
  plan: Plan,
  options: ValidatorOptions,
  { patchesPerSite = options.config.data.validationPatchesPerSite, signal }: ValidationOptions,
): Promise<Measurements | undefined> {
  const { model, config, subjects, batch, views } = options
  const { sites, draws } = validationBatches(config, subjects, model.sites, { batch, patchesPerSite })
  const count = model.sites.length
  const perSite = (length: number) => Array.from({ length: count }, () => new Float64Array(length))
  const sums: Sums = {
    overlap: perSite(CLASSES.length),
    size: perSite(CLASSES.length),
    inputs: perSite(BINS),
    generated: perSite(BINS),
    confusion: Array.from({ length: count + 1 }, () => new Array<number>(count + 1).fill(0)),
    loss: 0,
    real: 0,
    fake: 0,
    patches: 0,
  }
  const feeds = ({ images, labels }: CutBatch) => ({ patches: images, labels })
  const run = { plan, batch, patch: model.patch, feeds, views, signal }
  const finished = await forEachBatch(draws(), run, (cut, results) => addBatch(sums, results, cut, options))
  if (!finished) return undefined
  return valuesOf(sums, sites, options)
}

function addBatch(
  sums: Sums,
  results: Record<string, Float32Array>,
  { drawn, images, labels }: CutBatch,
  { model, config, batch }: ValidatorOptions,
): void {
  const classes = CLASSES.length
  const voxels = model.patch ** 3
  const { soft, hard, reference, image, realLogits, fakeLogits } = results
  const softSums = drawn.map((_, place) =>
    CLASSES.map((_, c) => {
      const at = (place * classes + c) * 2
      return { overlap: soft![at]!, size: soft![at + 1]! + reference![at + 1]! }
    }),
  )
  sums.loss +=
    drawn.length * diceLossOfSums(softSums, config.loss.dice, classWeightList(config.loss.classWeights))
  sums.patches += drawn.length
  drawn.forEach(({ site }, place) => {
    for (let c = 0; c < classes; c++) {
      const at = (place * classes + c) * 2
      sums.overlap[site]![c]! += hard![at]!
      sums.size[site]![c]! += hard![at + 1]! + reference![at + 1]!
    }
    const tissue = labels.subarray(place * voxels, (place + 1) * voxels)
    addCounts(sums.inputs[site]!, firstChannel(images, place, model), tissue)
    if (image) addCounts(sums.generated[site]!, firstChannel(image, place, model), tissue)
    if (!realLogits || !fakeLogits) return
    const kinds = realLogits.length / batch
    const rowOf = (logits: Float32Array) => logits.subarray(place * kinds, (place + 1) * kinds)
    sums.real -= judge(rowOf(realLogits), site, sums.confusion)
    const generated = model.sites.length + (model.discriminator.generatedSites ? site : 0)
    sums.fake -= judge(rowOf(fakeLogits), generated, sums.confusion)
  })
}

/**
 * Counts a judgement of D, and returns the log of the probability that it gave to the truth. All classes of generated
 * patches count as one in the confusion, not in the probability, whose log is D's loss.
 */
function judge(logits: Float32Array, actual: number, confusion: number[][]): number {
  const sites = confusion.length - 1
  const predicted = argmax(mergeGenerated(logits, sites))
  confusion[Math.min(actual, sites)]![predicted]!++
  return logProbability(logits, actual)
}

function addCounts(total: Float64Array, values: Float32Array, mask: ArrayLike<number>): void {
  const counts = intensityHistogram(values, { bins: BINS, range: [0, 1], mask })
  for (let bin = 0; bin < BINS; bin++) total[bin]! += counts[bin]!
}

function valuesOf(sums: Sums, sites: readonly string[], { networks, model }: ValidatorOptions): Measurements {
  const values: Record<string, number> = { 'loss.val': sums.loss / sums.patches }
  const present = sites.map((site) => model.sites.indexOf(site))
  const dice = present.map((site) =>
    CLASSES.map((_, c) => {
      const size = sums.size[site]![c]!
      return size === 0 ? 1 : (2 * sums.overlap[site]![c]!) / size
    }),
  )
  const tissues = [1, 2, 3]
  const average = (numbers: readonly number[]) =>
    numbers.reduce((sum, value) => sum + value, 0) / numbers.length
  for (const c of tissues) values[`dice.${CLASSES[c]}`] = average(dice.map((row) => row[c]!))
  values['dice.mean'] = average(tissues.map((c) => values[`dice.${CLASSES[c]}`]!))
  sites.forEach((site, index) => {
    values[`dice.site.${site}`] = average(tissues.map((c) => dice[index]![c]!))
  })
  const divergence = (rows: readonly Float64Array[]) => {
    const counted = present.map((site) => rows[site]!).filter((row) => row.some((n) => n > 0))
    return counted.length === present.length ? jensenShannon(counted) : undefined
  }
  if (networks.generator) {
    const [before, after] = [divergence(sums.inputs), divergence(sums.generated)]
    if (before !== undefined) values['jsd.input'] = before
    if (after !== undefined) values['jsd.generated'] = after
  }
  if (!networks.discriminator) return values

  const matrix = { classes: sums.confusion.length, counts: sums.confusion, total: 2 * sums.patches }
  const names = [...model.sites, 'generated']
  confusionFractions(matrix).forEach((row, actual) => {
    row.forEach((share, predicted) => {
      values[`dis.confusion.${names[actual]}.${names[predicted]}`] = share
    })
  })
  values['dis.accuracy'] = accuracy(matrix)
  values['loss.dis.real'] = sums.real / sums.patches
  values['loss.dis.fake'] = sums.fake / sums.patches
  values['loss.dis'] = values['loss.dis.real'] + values['loss.dis.fake']
  return values
}
