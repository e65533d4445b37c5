import path from 'node:path'
import { ConfigError } from '@voxnorm/data'
import type { OpenDevice } from '@voxnorm/pipeline'
import { labelsOfFlag } from '@voxnorm/pipeline/training'
import { duration } from '@voxnorm/pipeline/words'
import {
  assertFreeForReproduction,
  assertSettable,
  type Reproduction,
  readBudget,
  readExperiments,
  reproduce as runReproduction,
} from '@voxnorm/reproduction'
import type { Command } from '../command.ts'
import { listFlag, numberFlag, textFlag } from '../command-line.ts'
import { EXIT } from '../exit-codes.ts'
import { host } from '../host.ts'
import { listenForStop } from '../stop-request.ts'
import { openTuner } from '../tuning/tuner.ts'

/** `voxnorm reproduce`: the paper's experiments on any data, our numbers beside the published ones. */
export const reproduce: Command = {
  name: 'reproduce',
  configurable: true,
  summary: "Repeats the paper's experiments; our numbers beside the published ones.",
  usage: 'reproduce all|table2…table7|game|trust… -o DIR [flags]',
  positionals: { name: 'EXPERIMENT', minimum: 1, maximum: 9 },
  flags: [
    {
      name: 'output',
      short: 'o',
      kind: 'text',
      value: 'DIR',
      required: true,
      help: 'folder; goes on where it stopped',
    },
    {
      name: 'data',
      kind: 'list',
      value: 'DATA',
      help: 'table or folder, or NAME=PATH for each site (a phantom)',
    },
    { name: 'sites', kind: 'text', value: 'A,B,…', help: 'sites in order; the first two are the pair' },
    { name: 'labels', kind: 'text', value: 'NAME', help: 'label convention (as the data says, else bids)' },
    { name: 'budget', kind: 'text', value: 'TIME', help: '20m (default), 2h, full: how long all may take' },
    { name: 'seeds', kind: 'integer', value: 'N', help: 'repeat every training with N seeds (1)' },
  ],
  example: 'voxnorm reproduce all --budget 20m -o reproduction',
  async run({ arguments: parsed, log, words, openDevice }) {
    const folder = textFlag(parsed, 'output')!
    const experiments = readExperiments(parsed.positionals)
    const budgetWord = textFlag(parsed, 'budget') ?? '20m'
    const seconds = readBudget(budgetWord)
    const seeds = numberFlag(parsed, 'seeds') ?? 1
    if (seeds < 1) throw new ConfigError('--seeds must be 1 or more.')
    const set = listFlag(parsed, 'set')
    assertSettable(set)
    const labelsWord = textFlag(parsed, 'labels')
    const request = {
      folder,
      experiments,
      data: listFlag(parsed, 'data'),
      sites: textFlag(parsed, 'sites')?.split(','),
      labels: labelsWord === undefined ? undefined : labelsOfFlag(labelsWord),
      labelsWord,
      seconds,
      budgetWord,
      seed: numberFlag(parsed, 'seed') ?? 42,
      seeds,
      set,
    }
    assertFreeForReproduction(folder)
    const stop = listenForStop((signal) =>
      log.warning('stop', `${signal}: stopping as soon as everything is saved`),
    )
    try {
      let device: OpenDevice
      const reproduced = await runReproduction(request, {
        log,
        stop,
        host: host(),
        command: ['voxnorm', ...words],
        openDevice: async () => {
          device = await openDevice(textFlag(parsed, 'device'))
          return device
        },
        openTuner: (config, resumed) => openTuner({ config, device, resumed, log, stop }),
      })
      const page = path.join(folder, 'report.html')
      return {
        exitCode: EXIT.done,
        document: { output: folder, report: page, ...reproduced.results },
        text: describe(reproduced, page),
      }
    } finally {
      stop.release()
    }
  },
}

function describe({ results, runs, seconds }: Reproduction, page: string): string {
  return [
    ...results.findings.map(
      ({ experiment, verdict, sentence }) => `${experiment.padEnd(8)}${verdict.padEnd(9)}${sentence}`,
    ),
    `${runs.length} trainings in ${duration(seconds)} (those finished before not counted)`,
    `open ${page}`,
  ].join('\n')
}
