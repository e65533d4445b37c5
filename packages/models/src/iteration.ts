import { randomStream } from '@voxnorm/data'
import type { ModelConfig, TrainingConfig } from './config.ts'
import { argmax, mergeGenerated } from './discriminator-logits.ts'
import { NETWORK_NAMES, type NetworkName } from './networks.ts'
import type { PatchBatches } from './patch-batches.ts'
import type { TrainingProgress } from './progress.ts'
import type { StepScalars, Trainer } from './trainer.ts'

/** Flat numbers, named as in `metrics.jsonl`. */
export type Measurements = Readonly<Record<string, number>>

/** An iteration that the device works on. */
export interface PendingIteration {
  readonly epoch: number
  readonly iteration: number
  /** Optimizer steps after it. */
  readonly steps: Readonly<Record<NetworkName, number>>
  /** Its losses, rates and D's accuracy. */
  readonly values: Promise<Measurements>
}

/** Submits one iteration of Algorithm 1: D's steps on fresh batches, then the step of G and S on another. */
export function submitIteration(task: {
  readonly trainer: Trainer
  readonly batches: PatchBatches
  readonly config: TrainingConfig
  readonly model: ModelConfig
  readonly progress: TrainingProgress
}): PendingIteration {
  const { trainer, batches, config, model, progress } = task
  const { epoch, iteration, schedules } = progress
  const steps = { ...progress.steps }
  const rates = ratesOf(schedules)
  const scalars = (index: number): StepScalars => ({
    lambda: config.loss.lambda * rampAt(config, batches.iterationsPerEpoch, { epoch, iteration }),
    seed: randomStream(config.seed, 'dropout', epoch, iteration, index).integer(2 ** 32),
    rates,
    steps: { ...steps },
  })
  const warm = epoch * batches.iterationsPerEpoch + iteration < (config.train.warmup ?? 0)
  const moves = trainer.networks.discriminator && !warm ? config.train.discriminatorSteps : 0
  const judged: Promise<Record<string, Float32Array>>[] = []
  const judgedSites: Uint32Array[] = []
  for (let index = 0; index < moves; index++) {
    const batch = batches.at(epoch, iteration, index)
    steps.discriminator++
    judged.push(trainer.discriminatorStep(batch, scalars(index)))
    judgedSites.push(batch.sites)
  }
  const batch = batches.at(epoch, iteration, config.train.discriminatorSteps)
  steps.segmenter++
  if (trainer.networks.generator) steps.generator++
  const last = scalars(config.train.discriminatorSteps)
  const system =
    warm && trainer.networks.generator ? trainer.warmupStep(batch, last) : trainer.systemStep(batch, last)
  const values = Promise.all([system, Promise.all(judged)]).then(([moved, judgements]) => ({
    ...systemValues(moved),
    ...discriminatorValues(judgements, judgedSites, model.sites.length),
    ...Object.fromEntries(
      NETWORK_NAMES.filter((name) => trainer.networks[name]).map((name) => [`lr.${name}`, rates[name]]),
    ),
  }))
  // When the training is given up, nobody awaits the last step any more; then its failure does not matter.
  values.catch(() => undefined)
  return { epoch, iteration, steps, values }
}

/** How much of the adversarial term's weight there is in an iteration. */
function rampAt(
  { loss, train }: TrainingConfig,
  iterationsPerEpoch: number,
  { epoch, iteration }: Pick<TrainingProgress, 'epoch' | 'iteration'>,
): number {
  const [begin, end] = loss.ramp ?? [0, 0]
  const share = (epoch * iterationsPerEpoch + iteration) / (train.epochs * iterationsPerEpoch)
  if (share >= end) return 1
  return Math.max(0, (share - begin) / (end - begin))
}

const ratesOf = (schedules: TrainingProgress['schedules']): Record<NetworkName, number> => ({
  generator: schedules.generator.rate,
  segmenter: schedules.segmenter.rate,
  discriminator: schedules.discriminator.rate,
})

const SYSTEM_NAMES: Readonly<Record<string, string>> = {
  segmentation: 'loss.seg',
  adversarial: 'loss.adv',
  total: 'loss.total',
  identity: 'loss.identity',
}

const systemValues = (outputs: Record<string, Float32Array>): Record<string, number> =>
  Object.fromEntries(Object.entries(outputs).map(([name, values]) => [SYSTEM_NAMES[name]!, values[0]!]))

/**
 * Means over D's steps; its accuracy is over real and generated patches alike, in training mode. Whatever classes D has
 * for generated patches, it is right about one when it takes it for generated.
 */
function discriminatorValues(
  steps: readonly Record<string, Float32Array>[],
  sites: readonly Uint32Array[],
  siteCount: number,
): Record<string, number> {
  if (steps.length === 0) return {}
  const mean = (name: string) => steps.reduce((sum, step) => sum + step[name]![0]!, 0) / steps.length
  const [real, fake] = [mean('real'), mean('fake')]
  let right = 0
  let total = 0
  steps.forEach(({ realLogits, fakeLogits }, index) => {
    const kinds = realLogits!.length / sites[index]!.length
    const predicted = (logits: Float32Array, row: number) =>
      argmax(mergeGenerated(logits.subarray(row * kinds, (row + 1) * kinds), siteCount))
    sites[index]!.forEach((site, place) => {
      right += predicted(realLogits!, place) === site ? 1 : 0
      right += predicted(fakeLogits!, place) === siteCount ? 1 : 0
      total += 2
    })
  })
  const loss = { 'loss.dis': real + fake, 'loss.dis.real': real, 'loss.dis.fake': fake }
  return { ...loss, 'dis.accuracy': right / total }
}
