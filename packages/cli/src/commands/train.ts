import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { readSafetensors, SafetensorsError, type SafetensorsFile } from '@voxnorm/autograd'
import { DataError } from '@voxnorm/data'
import { type TrainingConfig, train as trainNetworks } from '@voxnorm/models'
import type { Command } from '../command.ts'
import { hasFlag, listFlag, numberFlag, textFlag } from '../command-line.ts'
import { readConfig } from '../config/read-config.ts'
import type { Config } from '../config/schema.ts'
import { assertResumable, toTraining } from '../config/to-training.ts'
import { type OpenDevice, openDevice } from '../device.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { duration, type Log } from '../progress.ts'
import { runReport } from '../report/run-report.ts'
import {
  assertFreeForRun,
  type DatasetRecord,
  type MetricsLine,
  openRunDirectory,
  type RunDirectory,
  readMetrics,
} from '../run-directory.ts'
import { exitCodeOfSignal, listenForStop } from '../stop-request.ts'
import { writeModelFolder } from '../training/model-folder.ts'
import { withPossiblePrecision } from '../training/precision.ts'
import { datasetRecord, loadRun, planRun } from '../training/prepare-run.ts'
import { recordRun } from '../training/record-run.ts'
import { countIterations, isPlan, type TrainingPlan } from '../training/run-events.ts'
import { writePreviews } from '../training/write-previews.ts'
import { version } from '../version.ts'

/** `voxnorm train`: trains the networks as a configuration says and fills a run folder. */
export const train: Command = {
  name: 'train',
  configurable: true,
  summary: 'Trains generator, segmenter and discriminator; writes a run folder.',
  usage: 'train CONFIG -o RUN [flags]',
  positionals: { name: 'CONFIG', minimum: 1, maximum: 1 },
  flags: [
    { name: 'output', short: 'o', kind: 'text', value: 'RUN', required: true, help: 'the run folder' },
    { name: 'resume', kind: 'switch', help: 'go on with the run that the folder holds' },
  ],
  example: 'voxnorm train config.yaml -o runs/first --set train.timeLimit=10m',
  async run({ arguments: parsed, log, words }) {
    const folder = textFlag(parsed, 'output')!
    const resume = hasFlag(parsed, 'resume')
    const stop = listenForStop((signal) =>
      log.warning('stop', `${signal}: the training stops as soon as it has saved itself`),
    )
    let device: OpenDevice | undefined
    try {
      const written = readConfig(parsed.positionals[0]!, {
        set: listFlag(parsed, 'set'),
        seed: numberFlag(parsed, 'seed'),
      })
      assertFreeForRun(folder, { resume })
      const checkpoint = resume ? readCheckpoint(folder, written) : undefined
      const plan = await planRun(written)
      for (const warning of plan.warnings) log.warning('data', warning)
      const data = await loadRun(written, plan, log, stop)
      device = await openDevice(textFlag(parsed, 'device'))
      const config = withPossiblePrecision(written, device, log)
      const events = trainNetworks(
        device.runtime,
        trainingConfig(config),
        { training: data.train, validation: data.validation },
        { signal: stop.signal, ...(checkpoint === undefined ? {} : { resume: checkpoint }) },
      )
      // All checks are over when the plan comes; only then is there a run folder.
      const first = await events.next()
      if (first.done || !isPlan(first.value)) throw new Error('a training begins with its plan')
      const directory = openRunDirectory(folder, { resume })
      log.copyTo((line) => directory.appendLog(line))
      try {
        const dataset = datasetRecord(config, plan)
        directory.writeConfig(written)
        directory.writeDataset(dataset)
        directory.writeEnvironment(environment(device, config, words))
        sayPlan(first.value, device, config, log)
        const { iterationsPerEpoch, resumedAt } = first.value
        const done = resumedAt === undefined ? 0 : resumedAt.epoch * iterationsPerEpoch + resumedAt.iteration
        directory.truncateMetrics(done)
        const recorded = await recordRun(countIterations(events, iterationsPerEpoch), directory, log, {
          iterations: config.train.epochs * iterationsPerEpoch,
        })
        const best = finish(directory, { config, dataset, adapter: device.name })
        const { stride } = config.inference
        await writePreviews(directory, device.runtime, data.validation, { stride, log, stop })
        directory.writeReport(runReport(folder))
        const signal = stop.received()
        const exitCode = signal === undefined ? EXIT.done : exitCodeOfSignal(signal)
        const document = {
          run: folder,
          reason: recorded.reason,
          iteration: recorded.last?.iteration ?? done,
          seconds: recorded.last?.time ?? 0,
          validation: best ?? null,
          model: path.join(folder, 'model', 'model.safetensors'),
          report: path.join(folder, 'report.html'),
        }
        return { exitCode, document, text: describe(document, exitCode) }
      } finally {
        log.copyTo(undefined)
        directory.close()
      }
    } finally {
      stop.release()
      device?.close()
    }
  },
}

/** The settings without the place of the data, which no checkpoint has to know. */
function trainingConfig(config: Config): TrainingConfig {
  const { data, ...rest } = toTraining(config)
  const { table: _table, labels: _labels, ...kept } = data
  return { ...rest, data: kept }
}

/** The latest checkpoint of a run that began with these settings; undefined when it was killed before the first. */
function readCheckpoint(folder: string, config: Config): SafetensorsFile | undefined {
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

function environment(device: OpenDevice, { train }: Config, words: readonly string[]): unknown {
  const [processor] = os.cpus()
  return {
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

function sayPlan(plan: TrainingPlan, device: OpenDevice, config: Config, log: Log): void {
  const { networks, iterationsPerEpoch, batch, microBatch, allocatedBytes, resumedAt } = plan
  const { epochs, timeLimit, precision } = config.train
  const from =
    resumedAt === undefined ? '' : `, resumed at epoch ${resumedAt.epoch} iteration ${resumedAt.iteration}`
  const limit = timeLimit === 'none' ? '' : `, at most ${timeLimit}`
  log.info('device', `training on ${device.description}`)
  log.info(
    'plan',
    `${networks.join(', ')}: ${epochs} epochs of ${iterationsPerEpoch} iterations, batch ${batch} (${microBatch} at once), ${precision === 'mixed' ? 'mixed precision, ' : ''}${Math.round(allocatedBytes / 2 ** 20)} MiB on the device${limit}${from}`,
  )
}

/** Writes `model/` from the best checkpoint and returns the validation that it was chosen by. */
function finish(
  directory: RunDirectory,
  facts: { readonly config: Config; readonly dataset: DatasetRecord; readonly adapter: string },
): MetricsLine | undefined {
  const { config, dataset, adapter } = facts
  const diceOf = (line: MetricsLine) => Number(line['dice.mean'] ?? Number.NaN)
  const best = readMetrics(path.join(directory.path, 'metrics.jsonl'))
    .filter((line) => line.kind === 'validation' && !Number.isNaN(diceOf(line)))
    .reduce<MetricsLine | undefined>(
      (top, line) => (top === undefined || diceOf(line) > diceOf(top) ? line : top),
      undefined,
    )
  const checkpoint = directory.readCheckpoint('best') ?? directory.readCheckpoint('latest')
  if (checkpoint === undefined) throw new Error('a training ends with a checkpoint')
  const { method } = config.train
  writeModelFolder(directory, checkpoint, {
    version: version(),
    dataset,
    method,
    seed: config.seed,
    adapter,
    best,
  })
  return best
}

function describe(
  document: {
    readonly run: string
    readonly reason: string
    readonly iteration: number
    readonly seconds: number
    readonly validation: MetricsLine | null
    readonly report: string
  },
  exitCode: ExitCode,
): string {
  const { run, reason, iteration, seconds, validation, report } = document
  const dice = validation?.['dice.mean']
  const lines = [
    `${reason === 'finished' ? 'finished' : `stopped (${reason})`} after ${iteration} iterations, ${duration(seconds)}`,
    ...(typeof dice === 'number' ? [`best mean Dice on the validation subjects: ${dice.toFixed(3)}`] : []),
    `model: ${path.join(run, 'model')}`,
    `report: ${report}`,
  ]
  if (exitCode !== EXIT.done) lines.push('run the same command with --resume to go on')
  return lines.join('\n')
}
