import type { SafetensorsFile } from '@voxnorm/autograd'
import { ConfigError, type PreparedSubject } from '@voxnorm/data'
import type { Runtime } from '@voxnorm/tensor'
import type { AdversarialTerms } from './adversarial-terms.ts'
import { ARCHITECTURES, type Architectures, sidesOf } from './architectures.ts'
import { restoreCheckpoint, type TrainingProgress, writeCheckpoint } from './checkpoint.ts'
import type { TrainingConfig } from './config.ts'
import { addLosses, meanLosses } from './epoch-losses.ts'
import {
  allocateNetworks,
  disposeNetworks,
  initializeNetworks,
  makeNetworks,
  networksOfMethod,
} from './networks.ts'
import { trainingBatches } from './patch-batches.ts'
import { createTrainer, type TuneKernels } from './trainer.ts'
import { planOf, type TrainingPlan } from './training-plan.ts'
import {
  checkNormalization,
  checkTraining,
  identityOf,
  modelOfTraining,
  schedulesOf,
  startOf,
  stepSchedules,
} from './training-setup.ts'
import { type PendingStep, submitIteration } from './training-steps.ts'
import { createValidator } from './validation.ts'

/** Subjects to train with and to choose the best weights by. */
export interface TrainingData {
  readonly training: readonly PreparedSubject[]
  readonly validation: readonly PreparedSubject[]
}

/** What a training may be told besides its config. */
export interface TrainOptions {
  /** The checkpoint to go on from. */
  readonly resume?: SafetensorsFile
  /** Stops the training at the end of the current iteration or batch of a validation, with a checkpoint. */
  readonly signal?: AbortSignal
  /** See `TrainerOptions`; its time does not count as time of the training. */
  readonly tune?: TuneKernels | undefined
  /** A clock in milliseconds. */
  readonly now?: () => number
  /** The networks and adversarial terms that the config may name. */
  readonly architectures?: Architectures
  readonly terms?: AdversarialTerms
}

/**
 * Where in the training something happened: in which iteration a step was, and how many iterations of the epoch were
 * done with everything else; `time` is seconds of training, over all resumptions.
 */
interface When {
  readonly epoch: number
  readonly iteration: number
  readonly time: number
}

/** Flat numbers, named as in `metrics.jsonl`. */
type Measured<Kind extends string> = When & {
  readonly kind: Kind
  readonly values: Readonly<Record<string, number>>
}

/** What a training tells while it runs. */
export type TrainingEvent =
  | (TrainingPlan & {
      readonly kind: 'plan'
      readonly resumedAt: { readonly epoch: number; readonly iteration: number } | undefined
    })
  | Measured<'step'>
  | Measured<'validation'>
  | Measured<'epoch'>
  | (When & SafetensorsFile & { readonly kind: 'checkpoint'; readonly which: 'latest' | 'best' })
  | (When & { readonly kind: 'stopped'; readonly reason: 'finished' | 'time-limit' | 'signal' })

/**
 * Iterations that the device may have at a time, one that it computes and one that waits: it runs dry only where the host
 * takes longer for the next batches than the device for an iteration. docs/measuring.md has both times.
 */
const ITERATIONS_IN_FLIGHT = 2
/** Seconds between checkpoints within an epoch. */
const CHECKPOINT_SECONDS = 600
/** Patches per site, in batches, of the validation that a training without any so far ends with. */
const LAST_VALIDATION_BATCHES = 4

/**
 * Trains by Algorithm 1 (docs/method.md#algorithm-1) and tells what happens. Every batch and every random number is a function of
 * the seed and of counters, so that a resumed training gives the same bits as one that was never interrupted. The
 * learning rate of D falls when its loss on the validation patches stays; `best` is the highest mean validation Dice.
 *
 * Throws ConfigError and DataError before the first step when settings or subjects do not fit, ConfigError when the
 * loss becomes NaN, and DeviceError when the device fails.
 */
export async function* train(
  runtime: Runtime,
  config: TrainingConfig,
  data: TrainingData,
  options: TrainOptions = {},
): AsyncGenerator<TrainingEvent, void, void> {
  const model = modelOfTraining(config, data.training, options.terms)
  const names = networksOfMethod(config.train.method, config.loss.lambda)
  const { architectures = ARCHITECTURES, terms } = options
  const sides = sidesOf(model, { generator: names.includes('generator') }, architectures)
  checkTraining(config, model, names, data, { sides, terms })
  const batches = trainingBatches(config, data.training, model.sites)
  const identity = identityOf(config, data.training)
  const networks = makeNetworks(model, names, architectures)
  const now = options.now ?? (() => performance.now())
  const release: (() => void)[] = [() => disposeNetworks(networks)]
  try {
    await allocateNetworks(runtime, networks)
    const trainer = await createTrainer(runtime, {
      networks,
      config: model,
      loss: config.loss,
      ...(terms && { terms }),
      batch: config.train.batch,
      microBatch: config.train.microBatch,
      precision: config.train.precision,
      weightDecay: config.optim.weightDecay,
      augmented: config.augment.biasField.probability > 0,
      warmup: (config.train.warmup ?? 0) > 0,
      tune: options.tune,
    })
    release.unshift(() => trainer.dispose())
    checkNormalization(sides, model.patch, trainer.microBatch)
    const { pool, microBatch, tuned } = trainer
    const subjects = data.validation.filter(({ site }) => model.sites.includes(site))
    const validator = await createValidator(runtime, {
      networks,
      model,
      config,
      subjects,
      batch: microBatch,
      pool,
      tuned,
    })
    release.unshift(() => validator.dispose())

    const schedules = schedulesOf(config)
    if (!options.resume) initializeNetworks(networks, config.seed)
    let progress: TrainingProgress = options.resume
      ? restoreCheckpoint(options.resume, trainer, identity, architectures)
      : startOf(schedules)
    const { iterationsPerEpoch } = batches
    yield {
      kind: 'plan',
      ...planOf(runtime, trainer, { model, config, iterationsPerEpoch }),
      resumedAt: options.resume && { epoch: progress.epoch, iteration: progress.iteration },
    }

    const began = now() - progress.elapsed * 1000
    const when = (): When => {
      const { epoch, iteration } = progress
      return { epoch, iteration, time: (now() - began) / 1000 }
    }
    const checkpoint = async (which: 'latest' | 'best'): Promise<TrainingEvent> => {
      progress = { ...progress, elapsed: when().time }
      return {
        kind: 'checkpoint',
        which,
        ...when(),
        ...(await writeCheckpoint(trainer, model, identity, progress)),
      }
    }
    const stopReason = (): 'time-limit' | 'signal' | undefined => {
      if (options.signal?.aborted) return 'signal'
      return when().time >= config.train.timeLimit ? 'time-limit' : undefined
    }

    const inFlight: PendingStep[] = []
    /** Waits for the oldest iterations until no more than `left` are in flight. */
    async function* settle(left: number): AsyncGenerator<TrainingEvent> {
      while (inFlight.length > left) {
        const step = inFlight.shift()!
        const values = await valuesOf(step)
        progress = { ...progress, losses: addLosses(progress.losses, values) }
        yield { kind: 'step', epoch: step.epoch, iteration: step.iteration, time: when().time, values }
      }
    }

    let saved = when().time
    let hasBest = progress.bestScore !== null
    let reason: 'finished' | 'time-limit' | 'signal' = 'finished'
    training: while (progress.epoch < config.train.epochs) {
      while (progress.iteration < iterationsPerEpoch) {
        const submitted = submitIteration({ trainer, batches, config, model, progress })
        inFlight.push(submitted)
        progress = { ...progress, iteration: progress.iteration + 1, steps: submitted.steps }
        yield* settle(ITERATIONS_IN_FLIGHT - 1)
        const stop = stopReason()
        if (stop === undefined && when().time - saved < CHECKPOINT_SECONDS) continue
        yield* settle(0)
        if (stop !== undefined && progress.iteration < iterationsPerEpoch) {
          reason = stop
          break training
        }
        if (stop === undefined) yield await checkpoint('latest')
        saved = when().time
      }
      yield* settle(0)

      const measured = await validator.run({ signal: options.signal })
      if (measured === undefined) {
        reason = 'signal'
        break
      }
      const ended = when()
      const losses = meanLosses(progress.losses)
      if (Object.keys(measured).length > 0) yield { kind: 'validation', ...ended, values: measured }
      yield { kind: 'epoch', ...ended, values: losses }
      const score = measured['dice.mean'] ?? null
      // Without validation subjects the latest weights count as the best.
      const better = score === null || progress.bestScore === null || score > progress.bestScore
      const disLoss = measured['loss.dis'] ?? losses['loss.dis'] ?? Number.NaN
      progress = {
        ...progress,
        epoch: progress.epoch + 1,
        iteration: 0,
        losses: {},
        bestScore: better ? score : progress.bestScore,
        schedules: stepSchedules(schedules, progress.schedules, disLoss),
      }
      if (better) yield await checkpoint('best')
      hasBest ||= better
      yield await checkpoint('latest')
      saved = when().time
      const stop = stopReason()
      if (stop === undefined || progress.epoch >= config.train.epochs) continue
      reason = stop
      break
    }

    if (reason !== 'finished') {
      if (!hasBest) {
        // No epoch has ended yet. What there is becomes the best so far, but no later epoch has to beat it.
        const few = Math.min(LAST_VALIDATION_BATCHES * microBatch, config.data.validationPatchesPerSite)
        const values = await validator.run({ patchesPerSite: few })
        if (values !== undefined && Object.keys(values).length > 0)
          yield { kind: 'validation', ...when(), values }
        yield await checkpoint('best')
      }
      yield await checkpoint('latest')
    }
    yield { kind: 'stopped', ...when(), reason }
  } finally {
    for (const free of release) free()
  }
}

/** The numbers of a step. Throws ConfigError when one of them is not finite. */
async function valuesOf({ epoch, iteration, values }: PendingStep): Promise<Record<string, number>> {
  const numbers = await values
  const broken = Object.entries(numbers).find(([, value]) => !Number.isFinite(value))
  if (broken === undefined) return numbers
  throw new ConfigError(`${broken[0]} became ${broken[1]} in iteration ${iteration} of epoch ${epoch}.`, {
    fix: 'lower the learning rates or loss.lambda, and check the intensities of the images',
  })
}
