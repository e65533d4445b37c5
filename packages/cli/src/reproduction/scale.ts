import { ConfigError } from '@voxnorm/data'
import type { Runtime } from '@voxnorm/tensor'
import { parseDuration } from '../config/duration.ts'
import { PRESETS } from '../config/presets.ts'
import type { Config } from '../config/schema.ts'
import { openNetworks, randomBatch, scalarsOf, trainerOf } from '../measuring/random-training.ts'
import { type Approach, configOfRun, type Run } from './experiments.ts'

/** How large the networks are and how long they train; the same for every run of a reproduction. */
export interface Scale {
  readonly name: 'tiny' | 'small' | 'wide' | 'paper'
  /** All settings but what makes a run what it is. */
  readonly config: Config
  /**
   * What the paper's λ is multiplied with. The Dice loss per class has a quarter of the gradient of Eq. (1), so λ has to
   * be a quarter, too, for the same balance (method.md §3.3).
   */
  readonly lambdaFactor: number
  /** Test subjects of a site that are predicted; the first ones by name. */
  readonly testSubjects: number
  /** Patches of a subject that the discriminator and the site classifier are judged by. */
  readonly probePatches: number
}

/** What a budget was turned into. */
export interface Budget {
  readonly scale: Scale
  /** Iterations of each training; undefined in a full reproduction, whose epochs are the paper's. */
  readonly iterations: number | undefined
  /** Seconds of one iteration as measured before the first run; empty in a full reproduction. */
  readonly secondsPerIteration: Readonly<Record<string, number>>
}

const { tiny, paper } = PRESETS

/** Smallest to largest. The settings between the presets keep the losses of `tiny`, see docs/tiny-preset.md. */
const SCALES: readonly Scale[] = [
  {
    name: 'tiny',
    config: { ...tiny, inference: { ...tiny.inference, stride: 12 } },
    lambdaFactor: 0.25,
    testSubjects: 2,
    probePatches: 24,
  },
  {
    name: 'small',
    config: { ...tiny, model: { ...tiny.model, base: 8 }, train: { ...tiny.train, batch: 8 } },
    lambdaFactor: 0.25,
    testSubjects: 3,
    probePatches: 32,
  },
  {
    name: 'wide',
    config: {
      ...paper,
      data: { ...paper.data, validationPatchesPerSite: 64 },
      inference: { ...paper.inference, stride: 16 },
    },
    lambdaFactor: 1,
    testSubjects: 10,
    probePatches: 32,
  },
]

const FULL: Scale = {
  name: 'paper',
  config: paper,
  lambdaFactor: 1,
  testSubjects: Number.POSITIVE_INFINITY,
  probePatches: 64,
}

/** A larger scale is taken when every run gets this many iterations; fewer teach a wider network less. */
const ENOUGH_ITERATIONS = 1500
/** More iterations than these taught the networks of the scale `tiny` nothing new. */
const MOST_ITERATIONS = 20_000
/** Epochs that the iterations of a budget are divided into; each ends with a validation and a checkpoint. */
const EPOCHS = 10
/** Seconds for compiling, reading and drawing, per run. */
const SECONDS_PER_RUN = 4
/** The part of a budget that is planned for; a machine is never as fast as in its best seconds. */
const PLANNED_SHARE = 0.85

/** Reads `--budget`: seconds, or `full` as Infinity. Throws ConfigError for anything else. */
export function readBudget(text: string): number {
  if (text === 'full') return Number.POSITIVE_INFINITY
  const seconds = parseDuration(text)
  if (seconds !== undefined && Number.isFinite(seconds) && seconds > 0) return seconds
  throw new ConfigError(`--budget must be a length of time such as 20m or 2h, or full, not "${text}".`, {
    fix: 'the whole reproduction is scaled so that it takes about this long',
  })
}

/** The work that a budget has to pay for. */
export interface Work {
  readonly runs: readonly Run[]
  /** Windows of all predictions of one run, by its sites, if windows of this size and stride are used. */
  windowsOf(run: Run, config: Config, testSubjects: number): number
}

/**
 * Chooses the largest scale at which every run gets enough iterations within the budget, and how many it gets.
 *
 * Speed is measured on the device, from the smallest scale up; a scale is not tried when the one below makes it
 * hopeless. All runs get the same number of iterations, whatever they cost: the experiments compare methods, not speed.
 */
export async function planBudget(
  runtime: Runtime,
  seconds: number,
  work: Work,
  settings: (config: Config) => Config,
): Promise<Budget> {
  if (seconds === Number.POSITIVE_INFINITY) {
    return { scale: { ...FULL, config: settings(paper) }, iterations: undefined, secondsPerIteration: {} }
  }
  let best: Budget | undefined
  for (const rung of SCALES) {
    const scale = { ...rung, config: settings(rung.config) }
    const secondsPerIteration = await measureIterations(runtime, scale, work.runs)
    const iterations = iterationsWithin(seconds, scale, secondsPerIteration, work)
    if (best === undefined || iterations >= ENOUGH_ITERATIONS)
      best = { scale, iterations, secondsPerIteration }
    // The next scale has four times the work in an iteration at least.
    if (iterations < 4 * ENOUGH_ITERATIONS) break
  }
  const { scale, iterations = 1 } = best!
  return {
    ...best!,
    scale: { ...scale, config: withIterations(scale.config, Math.min(iterations, MOST_ITERATIONS)) },
  }
}

/** Spreads iterations over the epochs of a config; rates fall and the warm-up ends at the same share of the training. */
export function withIterations(config: Config, iterations: number): Config {
  const perEpoch = Math.max(1, Math.round(iterations / EPOCHS))
  const milestones = [0.6 * EPOCHS, 0.8 * EPOCHS]
  const { generator, segmenter } = config.optim
  return {
    ...config,
    optim: {
      ...config.optim,
      generator: { ...generator, milestones },
      segmenter: { ...segmenter, milestones },
    },
    train: {
      ...config.train,
      epochs: EPOCHS,
      iterationsPerEpoch: perEpoch,
      warmup: config.train.warmup === 0 ? 0 : Math.round(0.24 * perEpoch * EPOCHS),
    },
  }
}

/** The settings of a run under a budget; a full reproduction trains as many epochs as the paper. */
export function settingsOfRun(run: Run, { scale, iterations }: Budget): Config {
  const config = configOfRun(run, scale.config, scale.lambdaFactor)
  if (iterations !== undefined || run.sites.length < 3) return config
  return { ...config, train: { ...config.train, epochs: 70 } }
}

function iterationsWithin(
  seconds: number,
  { config, testSubjects }: Scale,
  cost: Readonly<Record<string, number>>,
  { runs, windowsOf }: Work,
): number {
  const perIteration = runs.reduce((sum, run) => sum + cost[run.approach]!, 0)
  // An iteration passes each patch forward and backward, which is three times the work of a window.
  const predictions = runs.reduce(
    (sum, run) =>
      sum + (windowsOf(run, config, testSubjects) * cost[run.approach]!) / (2.5 * config.train.batch),
    0,
  )
  const left = PLANNED_SHARE * seconds - predictions - SECONDS_PER_RUN * runs.length
  return Math.max(EPOCHS, Math.floor(left / perIteration))
}

/** Seconds of an iteration of each approach among the runs; approaches that train the same networks share a figure. */
async function measureIterations(
  runtime: Runtime,
  { config, lambdaFactor }: Scale,
  runs: readonly Run[],
): Promise<Readonly<Record<string, number>>> {
  const byNetworks = new Map<string, number>()
  const seconds: Record<string, number> = {}
  for (const approach of new Set(runs.map((run) => run.approach))) {
    const run = runs.find((one) => one.approach === approach)!
    const networks = networksOf(approach)
    const known =
      byNetworks.get(networks) ?? (await timeIterations(runtime, configOfRun(run, config, lambdaFactor)))
    byNetworks.set(networks, known)
    seconds[approach] = known
  }
  return seconds
}

const networksOf = (approach: Approach) =>
  approach === 'ours' || approach === 'preprocessor' ? approach : 'segmenter'

/** Median of a few iterations after a first one that pays for what is done once. */
async function timeIterations(runtime: Runtime, config: Config): Promise<number> {
  const { model, networks, dispose } = await openNetworks(runtime, config)
  const trainer = await trainerOf(runtime, networks, model, config)
  const batch = randomBatch(model, config.train.batch, 1)
  const times: number[] = []
  for (let step = 1; step <= 5; step++) {
    const began = performance.now()
    const scalars = scalarsOf(config, step)
    if (networks.discriminator) {
      for (let index = 0; index < config.train.discriminatorSteps; index++)
        await trainer.discriminatorStep(batch, scalars)
    }
    await trainer.systemStep(batch, scalars)
    if (step > 1) times.push((performance.now() - began) / 1000)
  }
  trainer.dispose()
  dispose()
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!
}
