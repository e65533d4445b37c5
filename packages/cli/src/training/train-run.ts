import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { readSafetensors, SafetensorsError, type SafetensorsFile } from '@voxnorm/autograd'
import { DataError } from '@voxnorm/data'
import { type TrainingConfig, train as trainNetworks } from '@voxnorm/models'
import { readConfig } from '../config/read-config.ts'
import type { Config } from '../config/schema.ts'
import { assertResumable, toTraining } from '../config/to-training.ts'
import type { OpenDevice } from '../device.ts'
import { intensityReferenceOf } from '../prediction/trust.ts'
import type { Log } from '../progress.ts'
import { runReport } from '../report/run-report.ts'
import { type MetricsLine, openRunDirectory, type RunDirectory, readMetrics } from '../run-directory.ts'
import type { StopRequest } from '../stop-request.ts'
import { openTuner } from '../tuning/tuner.ts'
import { version } from '../version.ts'
import { conventionsOf } from './label-checks.ts'
import { type ModelFacts, writeModelFolder } from './model-folder.ts'
import { withPossiblePrecision } from './precision.ts'
import { datasetRecord, type RunData, type RunPlan } from './prepare-run.ts'
import { recordRun } from './record-run.ts'
import { sayPlan } from './say-plan.ts'
import { warmUpNotice } from './warm-up.ts'
import { writePreviews } from './write-previews.ts'

/** One training with everything that it needs, opened and loaded. */
export interface RunTask {
  /** The configuration as it was asked for; the device may not have the precision. */
  readonly written: Config
  readonly folder: string
  readonly resume: boolean
  /** Where to go on, see {@link readCheckpoint}. */
  readonly checkpoint: SafetensorsFile | undefined
  readonly plan: RunPlan
  readonly data: RunData
  readonly device: OpenDevice
  readonly log: Log
  readonly stop: StopRequest
  /** The command that this is part of, for environment.json. */
  readonly words: readonly string[]
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
export async function trainRun(task: RunTask): Promise<TrainedRun> {
  const { written, folder, resume, checkpoint, plan, data, device, log, stop, words } = task
  const config = withPossiblePrecision(written, device, log)
  const tuner = openTuner({ config, device, resumed: resume ? folder : undefined, log, stop })
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
  const directory = openRunDirectory(folder, { resume })
  log.copyTo((line) => directory.appendLog(line))
  try {
    const dataset = datasetRecord(config, plan)
    directory.writeConfig(written)
    directory.writeDataset(dataset)
    const { batch, microBatch, work, memory } = ready
    const planned = { batch, microBatch, work, memory }
    const session = environment(device, config, words)
    const sessions = [...earlierSessions(folder, resume), session]
    directory.writeEnvironment({ ...session, plan: planned, sessions })
    if (tuner) directory.writeTuning(tuner.table())
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
    directory.truncateMetrics(done)
    const recorded = await recordRun(events, directory, log, {
      iterations: config.train.epochs * iterationsPerEpoch,
      timeLimit: toTraining(config).train.timeLimit,
    })
    const intensityReference = intensityReferenceOf(data.train)
    const { best, warmUp } = finish(directory, {
      config,
      dataset,
      adapter: device.name,
      ...(intensityReference && { intensityReference }),
    })
    const { stride } = config.inference
    await writePreviews(directory, device.runtime, data.validation, { stride, log, stop })
    directory.writeReport(runReport(folder))
    return {
      reason: recorded.reason,
      iteration: recorded.last?.iteration ?? done,
      seconds: recorded.last?.time ?? 0,
      best,
      warmUp,
    }
  } finally {
    log.copyTo(undefined)
    directory.close()
  }
}

/**
 * The latest checkpoint of a run that began with these settings; undefined when it was killed before the first.
 *
 * Throws ConfigError when the run began with other settings and DataError when the checkpoint is damaged.
 */
export function readCheckpoint(folder: string, config: Config): SafetensorsFile | undefined {
  const begun = path.join(folder, 'config.resolved.yaml')
  if (!existsSync(begun)) return undefined
  assertResumable(readConfig(begun), config, folder)
  const file = path.join(folder, 'checkpoints', 'latest.safetensors')
  if (!existsSync(file)) return undefined
  try {
    return readSafetensors(readFileSync(file))
  } catch (cause) {
    if (!(cause instanceof SafetensorsError)) throw cause
    throw new DataError(`the checkpoint cannot be read: ${cause.message}.`, {
      file,
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
function earlierSessions(folder: string, resumed: boolean): readonly Partial<Session>[] {
  const file = path.join(folder, 'environment.json')
  if (!resumed || !existsSync(file)) return []
  try {
    const { sessions, plan: _plan, ...only } = JSON.parse(readFileSync(file, 'utf8'))
    // Runs of version 0.1.0 kept the last one alone.
    return Array.isArray(sessions) ? sessions : [only]
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return []
  }
}

type Session = ReturnType<typeof environment>

function environment(device: OpenDevice, { train }: Config, words: readonly string[]) {
  const [processor] = os.cpus()
  return {
    started: new Date().toISOString(),
    voxnorm: version(),
    node: process.version,
    platform: `${process.platform} ${process.arch} ${os.release()}`,
    processor: processor === undefined ? 'unknown' : `${processor.model.trim()} x ${os.cpus().length}`,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    adapter: device.name,
    software: device.software,
    precision: train.precision,
    command: ['voxnorm', ...words],
  }
}

/** Writes `model/` from the best checkpoint; returns the validation that it was chosen by and what to know of it. */
function finish(
  directory: RunDirectory,
  facts: Pick<ModelFacts, 'dataset' | 'adapter' | 'intensityReference'> & { readonly config: Config },
): Pick<TrainedRun, 'best' | 'warmUp'> {
  const { config, ...known } = facts
  const diceOf = (line: MetricsLine) => Number(line['dice.mean'] ?? Number.NaN)
  const metrics = readMetrics(path.join(directory.path, 'metrics.jsonl'))
  const best = metrics
    .filter((line) => line.kind === 'validation' && !Number.isNaN(diceOf(line)))
    .reduce<MetricsLine | undefined>(
      (top, line) => (top === undefined || diceOf(line) > diceOf(top) ? line : top),
      undefined,
    )
  const checkpoint = directory.readCheckpoint('best') ?? directory.readCheckpoint('latest')
  if (checkpoint === undefined) throw new Error('a training ends with a checkpoint')
  const { method } = config.train
  const warmUp = warmUpNotice(metrics, best?.iteration)
  writeModelFolder(directory, checkpoint, {
    ...known,
    version: version(),
    method,
    seed: config.seed,
    best,
    warmUp,
  })
  return { best, warmUp }
}
