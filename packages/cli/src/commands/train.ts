import path from 'node:path'
import { openSubjectLoader } from '@voxnorm/data/node'
import type { MetricsLine, OpenDevice } from '@voxnorm/pipeline'
import {
  assertFreeForRun,
  type FolderLock,
  lockFolder,
  openDiskSink,
  openTrainingData,
  readConfig,
  tellListing,
} from '@voxnorm/pipeline/node'
import {
  configHelp,
  configKeys,
  loadRun,
  planRun,
  readCheckpoint,
  trainRun,
} from '@voxnorm/pipeline/training'
import { duration } from '@voxnorm/pipeline/words'
import { runReport } from '@voxnorm/report'
import type { Command } from '../command.ts'
import { hasFlag, listFlag, numberFlag, textFlag } from '../command-line.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { host } from '../host.ts'
import { exitCodeOfSignal, listenForStop } from '../stop-request.ts'
import { openTuner } from '../tuning/tuner.ts'

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
    { name: 'fold', kind: 'text', value: 'loso:SITE', help: 'leave one site out, for testing' },
    { name: 'help-config', kind: 'switch', alone: true, help: 'explain every key of a config' },
  ],
  example: 'voxnorm train config.yaml -o runs/first --set train.timeLimit=10m',
  async run({ arguments: parsed, log, words, openDevice }) {
    if (hasFlag(parsed, 'help-config'))
      return { exitCode: EXIT.done, document: configKeys(), text: configHelp() }
    const folder = textFlag(parsed, 'output')!
    const resume = hasFlag(parsed, 'resume')
    const stop = listenForStop((signal) =>
      log.warning('stop', `${signal}: the training stops as soon as it has saved itself`),
    )
    const loader = openSubjectLoader()
    let device: OpenDevice | undefined
    let lock: FolderLock | undefined
    try {
      const written = readConfig(parsed.positionals[0]!, {
        set: listFlag(parsed, 'set'),
        seed: numberFlag(parsed, 'seed'),
        fold: textFlag(parsed, 'fold'),
      })
      assertFreeForRun(folder, { resume })
      lock = lockFolder(folder, 'train')
      const sink = openDiskSink(folder)
      const checkpoint = resume ? await readCheckpoint(sink, written) : undefined
      // Before the data: nobody should wait for minutes to hear that there is no device.
      const opened = await openDevice(textFlag(parsed, 'device'))
      device = opened
      const plan = planRun(written, await openTrainingData(written, tellListing(log, written.data.table)))
      for (const warning of plan.warnings) log.warning('data', warning)
      const data = await loadRun(written, plan, log, stop, loader.load)
      loader.close()
      const trained = await trainRun({
        written,
        sink,
        resume,
        checkpoint,
        plan,
        data,
        device: opened,
        log,
        stop,
        host: host(),
        command: ['voxnorm', ...words],
        openTuner: (config) =>
          openTuner({ config, device: opened, resumed: resume ? folder : undefined, log, stop }),
        report: runReport,
      })
      const signal = stop.received()
      const exitCode = signal === undefined ? EXIT.done : exitCodeOfSignal(signal)
      const document = {
        run: folder,
        reason: trained.reason,
        iteration: trained.iteration,
        seconds: trained.seconds,
        validation: trained.best ?? null,
        warmUp: trained.warmUp ?? null,
        model: path.join(folder, 'model', 'model.safetensors'),
        report: path.join(folder, 'report.html'),
      }
      return { exitCode, document, text: describe(document, exitCode) }
    } finally {
      stop.release()
      loader.close()
      device?.close()
      lock?.release()
    }
  },
}

function describe(
  document: {
    readonly run: string
    readonly reason: string
    readonly iteration: number
    readonly seconds: number
    readonly validation: MetricsLine | null
    readonly warmUp: string | null
    readonly report: string
  },
  exitCode: ExitCode,
): string {
  const { run, reason, iteration, seconds, validation, warmUp, report } = document
  const dice = validation?.['dice.mean']
  const lines = [
    `${reason === 'finished' ? 'finished' : `stopped (${reason})`} after ${iteration} iterations, ${duration(seconds)}`,
    ...(warmUp === null ? [] : [warmUp]),
    ...(typeof dice === 'number' ? [`best mean Dice on the validation subjects: ${dice.toFixed(3)}`] : []),
    `model: ${path.join(run, 'model')}`,
    `report: ${report}`,
  ]
  if (exitCode !== EXIT.done) lines.push('run the same command with --resume to go on')
  return lines.join('\n')
}
