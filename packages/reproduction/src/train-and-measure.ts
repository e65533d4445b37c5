import { existsSync } from 'node:fs'
import { type AssignedSubject, type PreparedSubject, type Split, sitesOf } from '@voxnorm/data'
import type { SubjectLoader } from '@voxnorm/data/node'
import {
  harmonizationRows,
  type Log,
  type OpenDevice,
  readMetrics,
  type StopRequest,
  warnOfFiles,
} from '@voxnorm/pipeline'
import { assertFreeForRun, openDiskSink } from '@voxnorm/pipeline/node'
import {
  type Config,
  type Host,
  loadRun,
  type RunPlan,
  readCheckpoint,
  type Tuner,
  trainRun,
} from '@voxnorm/pipeline/training'
import { runReport } from '@voxnorm/report'
import { keyOf, type Run, testedSites } from './experiments.ts'
import { examine } from './measurement/examine.ts'
import { measureBias } from './measurement/measure-bias.ts'
import { measurePatches } from './measurement/measure-patches.ts'
import { measureVolume } from './measurement/measure-volume.ts'
import type { Examination, Measurement } from './measurement/records.ts'
import { openTrainedModel, type TrainedModel } from './measurement/trained-model.ts'
import { type Budget, settingsOfRun } from './scale.ts'
import { type Cohort, subjectsOf } from './subjects.ts'
import type { Workspace } from './workspace.ts'

/** Subjects of a site and a split whose patches are looked at; more would say the same. */
const PROBED_SUBJECTS = 10

/** Everything that the runs of a reproduction share. */
export interface RunContext {
  readonly cohort: Cohort
  readonly budget: Budget
  readonly workspace: Workspace
  readonly device: OpenDevice
  readonly load: SubjectLoader['load']
  readonly log: Log
  readonly stop: StopRequest
  readonly host: Host
  /** Opens a tuner for a training, or for one that is resumed in a folder. */
  readonly openTuner: (config: Config, resumed: string | undefined) => Tuner | undefined
  /** The command that the runs are part of. */
  readonly command: readonly string[]
}

/**
 * Trains and measures every run that is not measured yet, and examines those of `examined`. A run that was interrupted
 * goes on from its checkpoint. Throws StoppedError after a stop signal, with everything finished so far on disk.
 */
export async function trainAndMeasure(
  context: RunContext,
  runs: readonly Run[],
  examined: readonly Run[],
): Promise<void> {
  const { workspace, log, stop } = context
  const total = runs.length
  for (const [index, run] of runs.entries()) {
    const key = keyOf(run)
    const goOn = () => stop.throwIfStopped(`${index} of ${total} trainings are done`)
    const measured = workspace.readRecord<Measurement>('measurements', key) !== undefined
    const wanted = examined.some((one) => keyOf(one) === key)
    const complete = !wanted || workspace.readRecord<Examination>('examinations', key) !== undefined
    if (measured && complete) continue
    goOn()
    log.info('run', `run ${index + 1} of ${total}: ${key}`)
    const config = settingsOfRun(run, context.budget)
    if (!measured) await trainOnce(context, run, config)
    goOn()
    const model = await openTrainedModel(
      context.device.runtime,
      workspace.runFolder(key),
      config.inference.stride,
    )
    try {
      if (!measured)
        workspace.writeRecord('measurements', key, await measure(context, run, config, model, goOn))
      if (!complete)
        workspace.writeRecord('examinations', key, await examineRun(context, run, config, model, goOn))
    } finally {
      model.dispose()
    }
  }
}

/** Trains a run into its folder, or what is left of it. */
async function trainOnce(context: RunContext, run: Run, config: Config): Promise<void> {
  const { workspace, device, load, log, stop, host, command } = context
  const folder = workspace.runFolder(keyOf(run))
  const resume = existsSync(folder)
  assertFreeForRun(folder, { resume })
  const sink = openDiskSink(folder)
  const checkpoint = await readCheckpoint(sink, config)
  const plan = planOf(context.cohort, run)
  const data = await loadRun(config, plan, log, stop, load)
  await trainRun({
    written: config,
    sink,
    resume,
    checkpoint,
    plan,
    data,
    device,
    log,
    stop,
    host,
    command,
    openTuner: (possible) => context.openTuner(possible, resume ? folder : undefined),
    report: runReport,
  })
}

/** The subjects of the cohort as a run sees them: those of other sites do not exist for it. */
function planOf({ subjects }: Cohort, run: Run): RunPlan {
  const own = subjects.filter(({ site }) => run.sites.includes(site))
  return { sites: sitesOf(own), subjects: own, warnings: [] }
}

async function measure(
  context: RunContext,
  run: Run,
  config: Config,
  model: TrainedModel,
  goOn: () => void,
): Promise<Measurement> {
  const { cohort, budget, workspace, device, log } = context
  const key = keyOf(run)
  const tested = subjectsOf(cohort, testedSites(run, cohort), 'test', budget.scale.testSubjects)
  const volumes = []
  for (const [index, subject] of tested.entries()) {
    goOn()
    log.progress({ what: 'measure', done: index, total: tested.length, unit: 'test subjects' })
    volumes.push(await measureVolume(model, subject, config.data.maskFrom, log))
  }
  log.endProgress()
  const seen = volumes.filter(({ measured }) => run.sites.includes(measured.site))
  const prepared = (split: Split, perSite: number) =>
    prepareAll(context, config, model, subjectsOf(cohort, run.sites, split, perSite))
  const patches = await measurePatches(
    device.runtime,
    model,
    {
      train: await prepared('train', PROBED_SUBJECTS),
      validation: await prepared('validation', PROBED_SUBJECTS),
      test: await prepared('test', PROBED_SUBJECTS),
    },
    { patchesPerSubject: budget.scale.probePatches, seed: cohort.seed },
  )
  const bias = []
  for (const subject of run.biased ? subjectsOf(cohort, run.sites, 'test', budget.scale.testSubjects) : []) {
    bias.push(await measureBias(model, await prepare(context, config, model, subject), goOn))
  }
  const metrics = await readMetrics(openDiskSink(workspace.runFolder(key)))
  return {
    run,
    iterations: metrics.at(-1)?.iteration ?? 0,
    seconds: metrics.at(-1)?.time ?? 0,
    adapter: device.name,
    subjects: volumes.map(({ measured }) => measured),
    harmonization: harmonizationRows(seen.map(({ intensities }) => intensities)),
    patches,
    bias,
  }
}

async function examineRun(
  context: RunContext,
  run: Run,
  config: Config,
  model: TrainedModel,
  goOn: () => void,
): Promise<Examination> {
  const { cohort, budget } = context
  const subjects: Examination['subjects'][number][] = []
  const tested = subjectsOf(cohort, run.sites, 'test', budget.scale.testSubjects)
  for (const subject of tested) {
    goOn()
    subjects.push(await examine(model, await prepare(context, config, model, subject), cohort.seed))
  }
  return { run, subjects }
}

async function prepareAll(
  context: RunContext,
  config: Config,
  model: TrainedModel,
  subjects: readonly AssignedSubject[],
): Promise<PreparedSubject[]> {
  const prepared: PreparedSubject[] = []
  for (const subject of subjects) prepared.push(await prepare(context, config, model, subject))
  return prepared
}

/** A subject on the grid of a model, in the intensities that it learnt from. */
async function prepare(
  { load, log }: RunContext,
  { data }: Config,
  { config }: TrainedModel,
  subject: AssignedSubject,
): Promise<PreparedSubject> {
  const { maskFrom, modalities, voxelSize } = data
  const { scaling, standardScale } = config
  const prepared = await load(subject, {
    scaling,
    maskFrom,
    voxelSize,
    modalities,
    margin: 0,
    ...(standardScale && { standardScale }),
  })
  warnOfFiles(log, prepared.warnings)
  return prepared
}
