import { existsSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, type LabelSpecification, SITE_STYLES } from '@voxnorm/data'
import { openSubjectLoader, type SubjectLoader } from '@voxnorm/data/node'
import {
  type Log,
  type OpenDevice,
  type PhantomPlan,
  type StopRequest,
  writePhantom,
} from '@voxnorm/pipeline'
import { fillNewFolder, lockFolder } from '@voxnorm/pipeline/node'
import { type Config, PRESETS, parseConfig } from '@voxnorm/pipeline/training'
import {
  distinctRuns,
  EXPERIMENTS,
  type Experiment,
  type Run,
  reasonAgainst,
  runsOf,
  type Study,
} from './experiments.ts'
import { predictionCounter } from './measurement/prediction-counts.ts'
import { examinedRun } from './results/trust-rows.ts'
import { type Budget, planBudget } from './scale.ts'
import { type Cohort, cached, openCohort, readDataWord } from './subjects.ts'
import { type RunContext, trainAndMeasure } from './train-and-measure.ts'
import { type Beginning, openWorkspace, type Workspace } from './workspace.ts'
import { writeResults } from './write-results.ts'

/** The phantom that stands in for data: two adult scanners as the pair, infants as the third site. */
const PHANTOM_SITES = ['adult', 'adult-bright', 'infant'] as const
const PHANTOM_SUBJECTS = 8

/** What to reproduce, on which data, and into which folder. */
export interface ReproductionRequest {
  readonly folder: string
  readonly experiments: readonly Experiment[]
  /** Tables or folders, or NAME=PATH for each site; none for a phantom. */
  readonly data: readonly string[]
  /** Sites in order; the first two are the pair. */
  readonly sites: readonly string[] | undefined
  readonly labels: LabelSpecification | undefined
  /** The convention as the user wrote it. */
  readonly labelsWord: string | undefined
  /** How long all may take: in seconds, and as the user wrote it. */
  readonly seconds: number
  readonly budgetWord: string
  readonly seed: number
  /** How many seeds every training is repeated with. */
  readonly seeds: number
  /** `key=value` settings that win over those of the scale. */
  readonly set: readonly string[]
}

/** What a reproduction needs of its surroundings. */
export interface ReproductionTools
  extends Pick<RunContext, 'host' | 'openTuner' | 'command' | 'log' | 'stop'> {
  readonly openDevice: () => Promise<OpenDevice>
}

/** What came out, for all experiments that the folder holds. */
export interface Reproduction {
  readonly results: Awaited<ReturnType<typeof writeResults>>
  readonly runs: readonly Run[]
  /** Seconds of this call; trainings that were finished before are not counted. */
  readonly seconds: number
}

/**
 * Repeats experiments: opens the data or makes a phantom, fits the scale to the time, trains and measures what is not yet
 * in the folder, and writes tables, figures and a page there. Throws StoppedError after a stop signal; a later call goes on.
 */
export async function reproduce(
  request: ReproductionRequest,
  tools: ReproductionTools,
): Promise<Reproduction> {
  const { folder } = request
  const loader = openSubjectLoader()
  const lock = lockFolder(folder, 'reproduce')
  let device: OpenDevice | undefined
  try {
    device = await tools.openDevice()
    return await reproduceOn(device, request, tools, cached(loader.load))
  } finally {
    loader.close()
    device?.close()
    lock.release()
  }
}

async function reproduceOn(
  device: OpenDevice,
  request: ReproductionRequest,
  tools: ReproductionTools,
  load: SubjectLoader['load'],
): Promise<Reproduction> {
  const { log, stop } = tools
  const { cohort, beginning, place } = await openData(request, device, tools)
  const workspace = openWorkspace(request.folder, beginning)
  for (const warning of cohort.warnings) log.warning('data', warning)
  const study = studyOf(cohort, request.seed, request.seeds)
  const chosen = possibleExperiments(request.experiments, study, log)
  const runs = distinctRuns(chosen.flatMap((experiment) => runsOf(experiment, study)))
  const settings = (config: Config) => withSettings(config, place, request.labels, request.set)
  log.info('device', `reproducing ${chosen.join(', ')} on ${device.description}`)
  const budget =
    workspace.plan?.budget ??
    (await planBudget(
      device.runtime,
      request.seconds,
      { runs, predictionsOf: await predictionCounter(cohort, load, settings(PRESETS.tiny).data.maskFrom) },
      settings,
    ))
  const shown = writePlan(workspace, { beginning, budget, chosen, seeds: request.seeds }, log)
  sayBudget(budget, runs.length, log)
  const began = performance.now()
  await trainAndMeasure(
    { ...tools, cohort, budget, workspace, device, load, log, stop },
    runs,
    chosen.includes('trust') ? [examinedRun(study)] : [],
  )
  const results = await writeResults(workspace, {
    experiments: shown.experiments,
    study: studyOf(cohort, request.seed, shown.seeds),
    cohort,
    budget,
    beginning,
  })
  return { results, runs, seconds: (performance.now() - began) / 1000 }
}

/** Opens the data, or makes the phantom that stands in for it. */
async function openData(
  request: ReproductionRequest,
  device: OpenDevice,
  { log, stop }: ReproductionTools,
): Promise<{ readonly cohort: Cohort; readonly beginning: Beginning; readonly place: string }> {
  const { folder, data: given, labels, labelsWord, seed, budgetWord, set } = request
  const phantom = path.join(folder, 'data')
  const data = given.length > 0 ? given : [path.join(phantom, 'dataset.tsv')]
  if (given.length === 0 && !existsSync(data[0]!)) await makePhantom(phantom, seed, log, stop)
  const cohort = await openCohort({ data, labels, sites: request.sites, seed })
  const beginning: Beginning = {
    version: 1,
    data: given,
    labels: labelsWord ?? 'as the data says',
    seed,
    budget: budgetWord,
    set,
    adapter: device.name,
    sites: cohort.sites,
  }
  return { cohort, beginning, place: readDataWord(data[0]!).place }
}

function studyOf({ sites, modalities }: Cohort, seed: number, count: number): Study {
  return { sites, modalities, seeds: Array.from({ length: count }, (_, index) => seed + index) }
}

/** The experiments that can be done with the data; says of the others why not. */
function possibleExperiments(experiments: readonly Experiment[], study: Study, log: Log): Experiment[] {
  const possible = experiments.filter((experiment) => {
    const reason = reasonAgainst(experiment, study)
    if (reason !== undefined) log.warning('left out', reason)
    return reason === undefined
  })
  if (possible.length > 0) return possible
  throw new ConfigError('none of the experiments can be done with this data.', {
    fix: `choose others of ${EXPERIMENTS.join(', ')}`,
  })
}

/** Remembers what the folder holds; returns what its page shows: what earlier calls made too, with all their seeds. */
function writePlan(
  workspace: Workspace,
  now: {
    readonly beginning: Beginning
    readonly budget: Budget
    readonly chosen: readonly Experiment[]
    readonly seeds: number
  },
  log: Log,
): { readonly experiments: readonly Experiment[]; readonly seeds: number } {
  const { plan } = workspace
  const seeds = Math.max(now.seeds, plan?.seeds ?? 1)
  const experiments = EXPERIMENTS.filter(
    (name) => now.chosen.includes(name) || plan?.experiments.includes(name),
  )
  if (plan !== undefined && experiments.length > plan.experiments.length)
    log.info('budget', 'the scale stays that of the first call: what is new takes its own time on top')
  workspace.writePlan({
    beginning: plan?.beginning ?? now.beginning,
    budget: now.budget,
    experiments,
    seeds,
  })
  return { experiments, seeds }
}

async function makePhantom(folder: string, seed: number, log: Log, stop: StopRequest): Promise<void> {
  log.info('phantom', `no --data: making a phantom of ${PHANTOM_SITES.join(', ')}`)
  const plan: PhantomPlan = {
    styles: PHANTOM_SITES.map((name) => SITE_STYLES[name]),
    subjectsPerSite: PHANTOM_SUBJECTS,
    shape: [72, 84, 64],
    voxelSize: 2,
    modalities: ['T1w', 'T2w'],
    seed,
  }
  await fillNewFolder(folder, (sink) => writePhantom(sink, plan, log, stop))
}

/** The settings of a scale with the place of the data and what `--set` overrides, checked like a file's. */
function withSettings(
  config: Config,
  table: string,
  labels: LabelSpecification | undefined,
  set: readonly string[],
): Config {
  const base = { ...config, data: { ...config.data, table, ...(labels === undefined ? {} : { labels }) } }
  return parseConfig(JSON.stringify(base), 'the scale of the budget', { set: [...set] })
}

function sayBudget({ scale, iterations, secondsPerIteration }: Budget, runs: number, log: Log): void {
  const times = Object.entries(secondsPerIteration).map(
    ([approach, time]) => `${approach} ${time.toPrecision(2)} s`,
  )
  const length =
    iterations === undefined
      ? `${scale.config.train.epochs} epochs each`
      : `${scale.config.train.epochs * Number(scale.config.train.iterationsPerEpoch)} iterations each`
  const { base } = scale.config.model
  const { patch, voxelSize } = scale.config.data
  log.info(
    'budget',
    `${runs} trainings at scale ${scale.name} (width ${base}, patches of ${patch}³, ${voxelSize} mm), ${length}${times.length > 0 ? `; an iteration takes: ${times.join(', ')}` : ''}`,
  )
}
