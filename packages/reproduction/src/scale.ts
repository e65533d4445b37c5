import { ConfigError } from '@voxnorm/data'
import { openNetworks, randomBatch, scalarsOf, trainerOf } from '@voxnorm/measuring'
import { type Config, PRESETS, parseDuration } from '@voxnorm/pipeline/training'
import type { Runtime } from '@voxnorm/tensor'
import { type Approach, configOfRun, type Run } from './experiments.ts'

/** How large the networks are and how long they train; the same for every run of a reproduction. */
export interface Scale {
  readonly name: 'tiny' | 'small' | 'wide' | 'paper'
  /** All settings but what makes a run what it is. */
  readonly config: Config
  /**
   * What the paper's λ is multiplied with. The Dice loss per class has a quarter of the gradient of Eq. (1), so λ has to
   * be a quarter, too, for the same balance (docs/method.md#balance-of-the-losses).
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

/**
 * The preset `tiny` with a discriminator of the paper's width and without dropout: that of the preset, a quarter as wide,
 * calls everything generated after the few hundred iterations of a budget, whatever λ is, and then there is no game to
 * compare. Half the batch gives twice the iterations, which taught more in the same time (docs/science.md).
 */
const SMALL_NETWORKS: Config = {
  ...tiny,
  model: { ...tiny.model, discriminator: { ...tiny.model.discriminator, base: 16, dropout: 0 } },
  optim: { ...tiny.optim, discriminator: { ...tiny.optim.discriminator, lr: 5e-3 } },
  train: { ...tiny.train, batch: 2 },
}

/** Smallest to largest. The settings between the presets keep the losses of `tiny`, see docs/tiny-preset.md. */
const SCALES: readonly Omit<Scale, 'testSubjects'>[] = [
  {
    name: 'tiny',
    config: { ...SMALL_NETWORKS, inference: { ...tiny.inference, stride: 14 } },
    lambdaFactor: 0.25,
    probePatches: 24,
  },
  {
    name: 'small',
    config: {
      ...SMALL_NETWORKS,
      model: { ...SMALL_NETWORKS.model, base: 8 },
      train: { ...SMALL_NETWORKS.train, batch: 8 },
    },
    lambdaFactor: 0.25,
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

/** Test subjects of a site, the most that can be afforded with this many iterations. */
const TEST_SUBJECTS = [10, 5, 3, 2, 1]
const FEWEST_ITERATIONS = 300
/** A larger scale is taken when every run gets this many iterations; fewer teach a wider network less. */
const ENOUGH_ITERATIONS = 1500
/** Epochs that the iterations of a budget are divided into; each ends with a validation and a checkpoint. */
const EPOCHS = 10
/** Seconds for compiling, reading and drawing, per run, and for judging a normalised test subject on the host. */
const SECONDS_PER_RUN = 9
const SECONDS_PER_SUBJECT = 3.5
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
  /** All predictions that a run is measured by. */
  predictionsOf(run: Run, config: Config, testSubjects: number): Predictions
}

/** How much is predicted. */
export interface Predictions {
  readonly volumes: number
  readonly windows: number
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
  for (const candidate of SCALES) {
    const config = settings(candidate.config)
    const secondsPerIteration = await measureIterations(runtime, config)
    const afford = (testSubjects: number) =>
      iterationsWithin(seconds, config, testSubjects, secondsPerIteration, work)
    // More people to test on are worth more than iterations beyond what small networks need to learn anything.
    const testSubjects = TEST_SUBJECTS.find((count) => afford(count) >= FEWEST_ITERATIONS) ?? 1
    const iterations = afford(testSubjects)
    const scale = { ...candidate, config: withIterations(config, iterations), testSubjects }
    if (best === undefined || iterations >= ENOUGH_ITERATIONS)
      best = { scale, iterations, secondsPerIteration }
    // The next scale has four times the work in an iteration at least.
    if (iterations < 4 * ENOUGH_ITERATIONS) break
  }
  return best!
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
  config: Config,
  testSubjects: number,
  cost: Readonly<Record<Networks, number>>,
  { runs, predictionsOf }: Work,
): number {
  const perIteration = runs.reduce((sum, { approach }) => sum + cost[networksOf(approach)], 0)
  const measuring = runs.reduce((sum, run) => {
    const networks = networksOf(run.approach)
    const { volumes, windows } = predictionsOf(run, config, testSubjects)
    // A training passes a patch forward and backward, three times the work of a window; no discriminator predicts.
    const perWindow = cost[networks === 'ours' ? 'preprocessor' : networks] / (3 * config.train.batch)
    return sum + windows * perWindow + (networks === 'segmenter' ? 0 : SECONDS_PER_SUBJECT * volumes)
  }, 0)
  const left = PLANNED_SHARE * seconds - measuring - SECONDS_PER_RUN * runs.length
  return Math.max(EPOCHS, Math.floor(left / perIteration))
}

/** Which networks an approach trains: what an iteration costs depends on nothing else. */
type Networks = 'segmenter' | 'preprocessor' | 'ours'

const networksOf = (approach: Approach): Networks =>
  approach === 'ours' || approach === 'preprocessor' ? approach : 'segmenter'

/** Seconds of an iteration with each set of networks. */
async function measureIterations(
  runtime: Runtime,
  config: Config,
): Promise<Readonly<Record<Networks, number>>> {
  const time = (method: 'baseline' | 'preprocessor' | 'adversarial') =>
    timeIterations(runtime, { ...config, train: { ...config.train, method } })
  return {
    segmenter: await time('baseline'),
    preprocessor: await time('preprocessor'),
    ours: await time('adversarial'),
  }
}

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
