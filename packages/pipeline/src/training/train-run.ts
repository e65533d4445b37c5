import { readSafetensors, SafetensorsError, type SafetensorsFile } from '@voxnorm/autograd'
import { DataError } from '@voxnorm/data'
import { type TrainingConfig, type TuneKernels, train as trainNetworks } from '@voxnorm/models'
import { parseConfig } from '../config/parse-config.ts'
import type { Config } from '../config/schema.ts'
import { assertResumable, toTraining } from '../config/to-training.ts'
import type { OpenDevice } from '../device.ts'
import type { Log } from '../log.ts'
import { intensityReferenceOf } from '../prediction/trust.ts'
import { type RunRecords, readRunRecords } from '../records.ts'
import type { StopRequest } from '../stop.ts'
import { readText, type Sink } from '../storage.ts'
import { conventionsOf } from './label-checks.ts'
import { type ModelFacts, writeModelFolder } from './model-folder.ts'
import { withPossiblePrecision } from './precision.ts'
import { datasetRecord, type RunData, type RunPlan } from './prepare-run.ts'
import { recordRun } from './record-run.ts'
import { openRunFolder, type RunFolder } from './run-folder.ts'
import type { MetricsLine } from './run-records.ts'
import { sayPlan } from './say-plan.ts'
import { warmUpNotice } from './warm-up.ts'
import { writePreviews } from './write-previews.ts'

/** What environment.json says of the program and the machine; `voxnorm` is the version. */
export interface Host {
  readonly voxnorm: string
  readonly [fact: string]: string | number
}

/** Chooses kernels by measuring, for a training. */
export interface Tuner {
  readonly tune: TuneKernels
  /** What was chosen, as text for the run folder. */
  table(): string
}

/** One training with everything that it needs, opened and loaded. */
export interface TrainingTask {
  /** The configuration as it was asked for; the device may not have the precision. */
  readonly written: Config
  /** The run folder. */
  readonly sink: Sink
  readonly resume: boolean
  /** Where to go on, see {@link readCheckpoint}. */
  readonly checkpoint: SafetensorsFile | undefined
  readonly plan: RunPlan
  readonly data: RunData
  readonly device: OpenDevice
  readonly log: Log
  readonly stop: StopRequest
  readonly host: Host
  /** The command that this is part of, for environment.json. */
  readonly command: readonly string[]
  /** Opens a tuner for the settings that the device can follow, where one is wanted. */
  readonly openTuner?: (config: Config) => Tuner | undefined
  /** Makes report.html of what the run folder holds. */
  readonly report?: (run: RunRecords) => string
}

/** How a training ended. */
export interface TrainedRun {
  readonly reason: string
  /** Iterations and seconds over all resumptions. */
  readonly iteration: number
  readonly seconds: number
  /** The validation that the best weights were chosen by, if there was one. */
  readonly best: MetricsLine | undefined
  /** What has to be known where the weights are from the warm-up. */
  readonly warmUp: string | undefined
}

/**
 * Trains and fills a run folder: settings, metrics, checkpoints, `model/`, previews and the report.
 *
 * Errors of the training's checks come before the folder is touched. After a stop signal the folder is complete and can
 * be resumed.
 */
export async function trainRun(task: TrainingTask): Promise<TrainedRun> {
  const { written, sink, resume, checkpoint, plan, data, device, log, stop } = task
  const config = withPossiblePrecision(written, device, log)
  const tuner = task.openTuner?.(config)
  const events = trainNetworks(
    device.runtime,
    trainingConfig(config, plan, data),
    { training: data.train, validation: data.validation },
    { signal: stop.signal, tune: tuner?.tune, ...(checkpoint === undefined ? {} : { resume: checkpoint }) },
  )
  // All checks are over when it is ready; only then is there a run folder.
  const first = await events.next()
  if (first.done || first.value.kind !== 'ready') throw new Error('a training begins with being ready')
  const ready = first.value
  const folder = await openRunFolder(sink)
  log.copyTo((line) => folder.appendLog(line))
  try {
    const dataset = datasetRecord(config, plan)
    await folder.writeConfig(written)
    await folder.writeDataset(dataset)
    const { batch, microBatch, work, memory } = ready
    const planned = { batch, microBatch, work, memory }
    const session = sessionOf(task, config)
    const sessions = [...(resume ? await earlierSessions(sink) : []), session]
    await folder.writeEnvironment({ ...session, plan: planned, sessions })
    if (tuner) await folder.writeTuning(tuner.table())
    log.info('device', `training on ${device.description}`)
    const before = sessions.at(-2)?.adapter
    if (before !== undefined && before !== device.name) {
      log.warning(
        'device',
        `the run goes on with ${device.name}, and was with ${before}: it will not have the bits of an undisturbed run`,
      )
    }
    sayPlan(ready, config, log)
    const { iterationsPerEpoch, resumedAt } = ready
    const done = resumedAt?.done ?? 0
    await folder.truncateMetrics(done)
    const recorded = await recordRun(events, folder, log, {
      iterations: config.train.epochs * iterationsPerEpoch,
      timeLimit: toTraining(config).train.timeLimit,
    })
    const intensityReference = intensityReferenceOf(data.train)
    const { best, warmUp } = await finish(folder, {
      config,
      version: task.host.voxnorm,
      dataset,
      adapter: device.name,
      ...(intensityReference && { intensityReference }),
    })
    const { stride } = config.inference
    await writePreviews(folder, device.runtime, data.validation, { stride, log, stop })
    if (task.report) await folder.writeReport(task.report(await readRunRecords(sink)))
    return {
      reason: recorded.reason,
      iteration: recorded.last?.iteration ?? done,
      seconds: recorded.last?.time ?? 0,
      best,
      warmUp,
    }
  } finally {
    log.copyTo(undefined)
  }
}

/**
 * The latest checkpoint of a run that began with these settings; undefined when it was killed before the first.
 *
 * Throws ConfigError when the run began with other settings and DataError when the checkpoint is damaged.
 */
export async function readCheckpoint(sink: Sink, config: Config): Promise<SafetensorsFile | undefined> {
  const begun = await readText(sink, 'config.resolved.yaml')
  if (begun === undefined) return undefined
  const at = (name: string) => `${sink.name}/${name}`
  assertResumable(parseConfig(begun, at('config.resolved.yaml')), config, sink.name)
  const name = 'checkpoints/latest.safetensors'
  const bytes = await sink.read(name)
  if (bytes === undefined) return undefined
  try {
    return readSafetensors(bytes)
  } catch (cause) {
    if (!(cause instanceof SafetensorsError)) throw cause
    throw new DataError(`the checkpoint cannot be read: ${cause.message}.`, {
      file: at(name),
      fix: 'copy the run folder again, or begin a new run',
      cause,
    })
  }
}

/** The settings without the place of the data, which no checkpoint has to know, and with what the data taught. */
function trainingConfig(config: Config, plan: RunPlan, { standardScale }: RunData): TrainingConfig {
  const { data, ...rest } = toTraining(config)
  const { table: _table, labels: _labels, ...kept } = data
  const conventions = conventionsOf(plan.subjects)
  return {
    ...rest,
    data: {
      ...kept,
      ...(standardScale !== undefined && { standardScale }),
      trainingLabels: conventions.length === 1 ? conventions[0]! : conventions,
    },
  }
}

/** What environment.json says of the commands that worked on this run before: one for each, in order. */
async function earlierSessions(sink: Sink): Promise<readonly Partial<Session>[]> {
  const text = await readText(sink, 'environment.json')
  if (text === undefined) return []
  try {
    const { sessions, plan: _plan, ...only } = JSON.parse(text)
    // Runs of version 0.1.0 kept the last one alone.
    return Array.isArray(sessions) ? sessions : [only]
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return []
  }
}

type Session = ReturnType<typeof sessionOf>

/** What environment.json says of this command. */
function sessionOf({ device, host, command }: TrainingTask, { train }: Config) {
  return {
    started: new Date().toISOString(),
    ...host,
    adapter: device.name,
    software: device.software,
    precision: train.precision,
    command,
  }
}

/** Writes `model/` from the best checkpoint; returns the validation that it was chosen by and what to know of it. */
async function finish(
  folder: RunFolder,
  facts: Pick<ModelFacts, 'version' | 'dataset' | 'adapter' | 'intensityReference'> & {
    readonly config: Config
  },
): Promise<Pick<TrainedRun, 'best' | 'warmUp'>> {
  const { config, ...known } = facts
  const diceOf = (line: MetricsLine) => Number(line['dice.mean'] ?? Number.NaN)
  const metrics = await folder.readMetrics()
  const best = metrics
    .filter((line) => line.kind === 'validation' && !Number.isNaN(diceOf(line)))
    .reduce<MetricsLine | undefined>(
      (top, line) => (top === undefined || diceOf(line) > diceOf(top) ? line : top),
      undefined,
    )
  const checkpoint = (await folder.readCheckpoint('best')) ?? (await folder.readCheckpoint('latest'))
  if (checkpoint === undefined) throw new Error('a training ends with a checkpoint')
  const { method } = config.train
  const warmUp = warmUpNotice(metrics, best?.iteration)
  await writeModelFolder(folder, checkpoint, {
    ...known,
    method,
    seed: config.seed,
    best,
    warmUp,
  })
  return { best, warmUp }
}
