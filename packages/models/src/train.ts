import type { SafetensorsFile, Schedule } from '@voxnorm/autograd'
import { ConfigError, type PreparedSubject } from '@voxnorm/data'
import type { Runtime } from '@voxnorm/tensor'
import type { AdversarialTerms } from './adversarial-terms.ts'
import { ARCHITECTURES, type Architectures, sidesOf, viewGeometry } from './architectures.ts'
import { identityOf, restoreCheckpoint, type TrainingIdentity, writeCheckpoint } from './checkpoint.ts'
import type { ModelConfig, TrainingConfig } from './config.ts'
import { type Measurements, type PendingIteration, submitIteration } from './iteration.ts'
import {
  allocateNetworks,
  disposeNetworks,
  initializeNetworks,
  makeNetworks,
  type NetworkName,
  networksOfMethod,
} from './networks.ts'
import { type PatchBatches, trainingBatches } from './patch-batches.ts'
import {
  addLosses,
  meanLosses,
  schedulesOf,
  startOf,
  stepSchedules,
  type TrainingProgress,
} from './progress.ts'
import { requirementsOf, type TrainingRequirements } from './requirements.ts'
import { createTrainer, type Trainer, type TuneKernels } from './trainer.ts'
import { checkNormalization, checkTraining, modelOfTraining } from './training-setup.ts'
import { createValidator, type Validator } from './validation.ts'
import { viewSubjects } from './volume-view.ts'

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

/** Where in a training something happened. */
export interface TrainingMoment {
  readonly epoch: number
  /** The iteration of the epoch that a step was; else how many of the epoch were done. */
  readonly iteration: number
  /** Iterations of the whole run that were done, over all resumptions; that of a step is one of them. */
  readonly done: number
  /** Seconds of training, over all resumptions. */
  readonly time: number
}

/** Numbers that were measured, named as in `metrics.jsonl`. */
type Measured<Kind extends string> = TrainingMoment & { readonly kind: Kind; readonly values: Measurements }

/** What a training tells while it runs. It begins with `ready`, when all checks are over, and ends with `stopped`. */
export type TrainingEvent =
  | TrainingReady
  | Measured<'step'>
  | Measured<'validation'>
  | Measured<'epoch'>
  | (TrainingMoment & SafetensorsFile & { readonly kind: 'checkpoint'; readonly which: 'latest' | 'best' })
  | (TrainingMoment & { readonly kind: 'stopped'; readonly reason: EndReason })

/** That a training is about to begin, and what it will need. */
export interface TrainingReady extends TrainingRequirements {
  readonly kind: 'ready'
  /** Where it goes on, with the iterations of the whole run that were done; undefined for a new one. */
  readonly resumedAt: Pick<TrainingMoment, 'epoch' | 'iteration' | 'done'> | undefined
}

/** Why a training ends before its last epoch. */
type StopReason = 'time-limit' | 'signal'
type EndReason = StopReason | 'finished'

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
  const task = await openTraining(runtime, config, data, options)
  try {
    yield readyEvent(runtime, task, options.resume !== undefined)
    const course = beginCourse(task, options)
    const reason = yield* runEpochs(course)
    if (reason !== 'finished') yield* saveUnfinished(course)
    yield { kind: 'stopped', ...course.moment(), reason }
  } finally {
    task.release()
  }
}

/** A training with all that it needs on the device. */
interface TrainingTask {
  readonly config: TrainingConfig
  readonly model: ModelConfig
  readonly identity: TrainingIdentity
  readonly batches: PatchBatches
  readonly schedules: Readonly<Record<NetworkName, Schedule>>
  readonly trainer: Trainer
  readonly validator: Validator
  readonly start: TrainingProgress
  release(): void
}

/** Checks everything, compiles everything, and brings the weights to where the training begins. */
async function openTraining(
  runtime: Runtime,
  config: TrainingConfig,
  data: TrainingData,
  { resume, tune, terms, architectures = ARCHITECTURES }: TrainOptions,
): Promise<TrainingTask> {
  const model = modelOfTraining(config, data.training, terms)
  const names = networksOfMethod(config.train.method, config.loss.lambda)
  const sides = sidesOf(model, { generator: names.includes('generator') }, architectures)
  checkTraining(config, model, names, data, { sides, terms })
  const identity = identityOf(config, data.training)
  const networks = makeNetworks(model, names, architectures)
  const schedules = schedulesOf(config)
  const subjects = data.validation.filter(({ site }) => model.sites.includes(site))
  const held: (() => void)[] = [() => disposeNetworks(networks)]
  const release = () => {
    for (const free of held) free()
  }
  try {
    const geometry = networks.generator && viewGeometry(model, architectures)
    const views = geometry && (await viewSubjects(runtime, geometry, [...data.training, ...subjects]))
    const batches = trainingBatches(config, data.training, model.sites, views)
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
      views,
      tune,
    })
    held.unshift(() => trainer.dispose())
    checkNormalization(sides, model.patch, trainer.microBatch)
    const { pool, microBatch, tuned } = trainer
    const validator = await createValidator(runtime, {
      networks,
      model,
      config,
      subjects,
      batch: microBatch,
      views,
      pool,
      tuned,
    })
    held.unshift(() => validator.dispose())
    if (!resume) initializeNetworks(networks, config.seed)
    const start = resume ? restoreCheckpoint(resume, trainer, identity, architectures) : startOf(schedules)
    return { config, model, identity, batches, schedules, trainer, validator, start, release }
  } catch (error) {
    release()
    throw error
  }
}

function readyEvent(
  runtime: Runtime,
  { trainer, model, config, batches: { iterationsPerEpoch }, start }: TrainingTask,
  resumed: boolean,
): TrainingReady {
  const { epoch, iteration } = start
  const done = epoch * iterationsPerEpoch + iteration
  return {
    kind: 'ready',
    ...requirementsOf(runtime, trainer, { model, config, iterationsPerEpoch }),
    resumedAt: resumed ? { epoch, iteration, done } : undefined,
  }
}

/** A training under way: how far it is, and what its device is doing. */
interface Course extends TrainingTask {
  progress: TrainingProgress
  readonly inFlight: PendingIteration[]
  /** The time of the last checkpoint, in seconds of training. */
  saved: number
  /** Whether there is a checkpoint that counts as the best. */
  hasBest: boolean
  readonly signal: AbortSignal | undefined
  /** Now. */
  moment(): TrainingMoment
  stopReason(): StopReason | undefined
}

/** Starts the clock. */
function beginCourse(task: TrainingTask, { signal, now = () => performance.now() }: TrainOptions): Course {
  const { start, config, batches } = task
  const began = now() - start.elapsed * 1000
  const seconds = () => (now() - began) / 1000
  const course: Course = {
    ...task,
    progress: start,
    inFlight: [],
    saved: seconds(),
    hasBest: start.bestScore !== null,
    signal,
    moment() {
      const { epoch, iteration } = course.progress
      return { epoch, iteration, done: epoch * batches.iterationsPerEpoch + iteration, time: seconds() }
    },
    stopReason() {
      if (signal?.aborted) return 'signal'
      return seconds() >= config.train.timeLimit ? 'time-limit' : undefined
    },
  }
  return course
}

async function* runEpochs(course: Course): AsyncGenerator<TrainingEvent, EndReason> {
  while (course.progress.epoch < course.config.train.epochs) {
    const stopped = (yield* runIterations(course)) ?? (yield* endEpoch(course))
    if (stopped !== undefined) return stopped
  }
  return 'finished'
}

/** What is left of the epoch's iterations. Returns why, when the training has to stop before they are done. */
async function* runIterations(course: Course): AsyncGenerator<TrainingEvent, StopReason | undefined> {
  const { iterationsPerEpoch } = course.batches
  while (course.progress.iteration < iterationsPerEpoch) {
    const submitted = submitIteration(course)
    course.inFlight.push(submitted)
    course.progress = {
      ...course.progress,
      iteration: course.progress.iteration + 1,
      steps: submitted.steps,
    }
    yield* settle(course, ITERATIONS_IN_FLIGHT - 1)
    const stop = course.stopReason()
    if (stop === undefined && course.moment().time - course.saved < CHECKPOINT_SECONDS) continue
    yield* settle(course, 0)
    // After the last iteration the epoch is ended as usual; what stops the training is asked again then.
    if (stop !== undefined && course.progress.iteration < iterationsPerEpoch) return stop
    if (stop === undefined) yield await checkpoint(course, 'latest')
    course.saved = course.moment().time
  }
  yield* settle(course, 0)
  return undefined
}

/** Waits for the oldest iterations until no more than `left` are in flight. */
async function* settle(course: Course, left: number): AsyncGenerator<TrainingEvent, void> {
  while (course.inFlight.length > left) {
    const { epoch, iteration, values: pending } = course.inFlight.shift()!
    const values = finite(await pending, { epoch, iteration })
    course.progress = { ...course.progress, losses: addLosses(course.progress.losses, values) }
    const done = epoch * course.batches.iterationsPerEpoch + iteration + 1
    yield { kind: 'step', epoch, iteration, done, time: course.moment().time, values }
  }
}

/** Validates, moves the learning rates and saves. Returns why, when no other epoch may follow. */
async function* endEpoch(course: Course): AsyncGenerator<TrainingEvent, StopReason | undefined> {
  const { validator, config, schedules, progress, signal } = course
  const measured = await validator.run({ signal })
  if (measured === undefined) return 'signal'
  const ended = course.moment()
  const losses = meanLosses(progress.losses)
  if (Object.keys(measured).length > 0) yield { kind: 'validation', ...ended, values: measured }
  yield { kind: 'epoch', ...ended, values: losses }
  const score = measured['dice.mean'] ?? null
  // Without validation subjects the latest weights count as the best.
  const better = score === null || progress.bestScore === null || score > progress.bestScore
  const discriminatorLoss = measured['loss.dis'] ?? losses['loss.dis'] ?? Number.NaN
  course.progress = {
    ...progress,
    epoch: progress.epoch + 1,
    iteration: 0,
    losses: {},
    bestScore: better ? score : progress.bestScore,
    schedules: stepSchedules(schedules, progress.schedules, discriminatorLoss),
  }
  if (better) yield await checkpoint(course, 'best')
  course.hasBest ||= better
  yield await checkpoint(course, 'latest')
  course.saved = course.moment().time
  return course.progress.epoch < config.train.epochs ? course.stopReason() : undefined
}

/** Saves a training that stops before its last epoch. */
async function* saveUnfinished(course: Course): AsyncGenerator<TrainingEvent, void> {
  const { config, trainer, validator } = course
  if (!course.hasBest) {
    // No epoch has ended yet. What there is becomes the best so far, but no later epoch has to beat it.
    const few = Math.min(LAST_VALIDATION_BATCHES * trainer.microBatch, config.data.validationPatchesPerSite)
    const values = await validator.run({ patchesPerSite: few })
    if (values !== undefined && Object.keys(values).length > 0) {
      yield { kind: 'validation', ...course.moment(), values }
    }
    yield await checkpoint(course, 'best')
  }
  yield await checkpoint(course, 'latest')
}

async function checkpoint(course: Course, which: 'latest' | 'best'): Promise<TrainingEvent> {
  const { trainer, model, identity } = course
  course.progress = { ...course.progress, elapsed: course.moment().time }
  const at = course.moment()
  return {
    kind: 'checkpoint',
    which,
    ...at,
    ...(await writeCheckpoint(trainer, model, identity, course.progress)),
  }
}

/** The numbers of an iteration. Throws ConfigError when one of them is not finite. */
function finite(
  values: Measurements,
  { epoch, iteration }: Pick<TrainingMoment, 'epoch' | 'iteration'>,
): Measurements {
  const broken = Object.entries(values).find(([, value]) => !Number.isFinite(value))
  if (broken === undefined) return values
  throw new ConfigError(`${broken[0]} became ${broken[1]} in iteration ${iteration} of epoch ${epoch}.`, {
    fix: 'lower the learning rates or loss.lambda, and check the intensities of the images',
  })
}
