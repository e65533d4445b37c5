import { existsSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, type LabelSpecification, SITE_STYLES } from '@voxnorm/data'
import { openSubjectLoader } from '@voxnorm/data/node'
import {
  type Log,
  type OpenDevice,
  type PhantomPlan,
  type StopRequest,
  writePhantom,
} from '@voxnorm/pipeline'
import { type FolderLock, fillNewFolder, lockFolder } from '@voxnorm/pipeline/node'
import { type Config, labelsOfFlag, PRESETS, parseConfig } from '@voxnorm/pipeline/training'
import { duration } from '@voxnorm/pipeline/words'
import type { Command } from '../command.ts'
import { listFlag, numberFlag, textFlag } from '../command-line.ts'
import { EXIT } from '../exit-codes.ts'
import {
  assertSettable,
  type Cast,
  distinctRuns,
  EXPERIMENTS,
  obstacle,
  readExperiments,
  runsOf,
} from '../reproduction/experiments.ts'
import { predictionCounter } from '../reproduction/measurement/prediction-counts.ts'
import { performRuns } from '../reproduction/perform-runs.ts'
import { examinedRun } from '../reproduction/results/trust-rows.ts'
import { type Budget, planBudget, readBudget } from '../reproduction/scale.ts'
import { cached, openCohort, readDataWord } from '../reproduction/subjects.ts'
import { assertFreeForReproduction, type Beginning, openWorkspace } from '../reproduction/workspace.ts'
import { writeResults } from '../reproduction/write-results.ts'
import { listenForStop } from '../stop-request.ts'

/** The phantom that stands in for data: two adult scanners as the pair, infants as the third site. */
const PHANTOM_SITES = ['adult', 'adult-bright', 'infant'] as const
const PHANTOM_SUBJECTS = 8

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
    const seed = numberFlag(parsed, 'seed') ?? 42
    const seeds = numberFlag(parsed, 'seeds') ?? 1
    if (seeds < 1) throw new ConfigError('--seeds must be 1 or more.')
    const set = listFlag(parsed, 'set')
    assertSettable(set)
    const labelsWord = textFlag(parsed, 'labels')
    const labels = labelsWord === undefined ? undefined : labelsOfFlag(labelsWord)
    assertFreeForReproduction(folder)
    const stop = listenForStop((signal) =>
      log.warning('stop', `${signal}: stopping as soon as everything is saved`),
    )
    const loader = openSubjectLoader()
    let device: OpenDevice | undefined
    let lock: FolderLock | undefined
    try {
      lock = lockFolder(folder, 'reproduce')
      const given = listFlag(parsed, 'data')
      const phantom = path.join(folder, 'data')
      const data = given.length > 0 ? given : [path.join(phantom, 'dataset.tsv')]
      device = await openDevice(textFlag(parsed, 'device'))
      const beginning: Omit<Beginning, 'sites'> = {
        version: 1,
        data: given,
        labels: labelsWord ?? 'as the data says',
        seed,
        budget: budgetWord,
        set,
        adapter: device.name,
      }
      if (given.length === 0 && !existsSync(data[0]!)) await makePhantom(phantom, seed, log, stop)
      const cohort = await openCohort({ data, labels, sites: textFlag(parsed, 'sites')?.split(','), seed })
      const workspace = openWorkspace(folder, { ...beginning, sites: cohort.sites })
      for (const warning of cohort.warnings) log.warning('data', warning)
      const castOf = (count: number): Cast => ({
        sites: cohort.sites,
        modalities: cohort.modalities,
        seeds: Array.from({ length: count }, (_, index) => seed + index),
      })
      const cast = castOf(seeds)
      const played = experiments.filter((experiment) => {
        const reason = obstacle(experiment, cast)
        if (reason !== undefined) log.warning('left out', reason)
        return reason === undefined
      })
      if (played.length === 0) {
        throw new ConfigError('none of the experiments can be done with this data.', {
          fix: `choose others of ${EXPERIMENTS.join(', ')}`,
        })
      }
      const runs = distinctRuns(played.flatMap((experiment) => runsOf(experiment, cast)))
      const load = cached(loader.load)
      const settings = (config: Config) => withSettings(config, readDataWord(data[0]!).place, labels, set)
      log.info('device', `reproducing ${played.join(', ')} on ${device.description}`)
      const budget =
        workspace.plan?.budget ??
        (await planBudget(
          device.runtime,
          seconds,
          {
            runs,
            predictionsOf: await predictionCounter(cohort, load, settings(PRESETS.tiny).data.maskFrom),
          },
          settings,
        ))
      const begun = { ...beginning, sites: cohort.sites }
      // The page goes on showing what earlier calls made in this folder, with all their seeds.
      const mostSeeds = Math.max(seeds, workspace.plan?.seeds ?? 1)
      const shown = EXPERIMENTS.filter(
        (name) => played.includes(name) || workspace.plan?.experiments.includes(name),
      )
      if (workspace.plan !== undefined && shown.length > workspace.plan.experiments.length)
        log.info('budget', 'the scale stays that of the first call: what is new takes its own time on top')
      const first = workspace.plan?.beginning ?? begun
      workspace.writePlan({ beginning: first, budget, experiments: shown, seeds: mostSeeds })
      sayBudget(budget, runs.length, log)
      const examined = played.includes('trust') ? [examinedRun(cast)] : []
      const began = performance.now()
      await performRuns(
        { cohort, budget, workspace, device, load, log, stop, command: ['voxnorm', ...words] },
        runs,
        examined,
      )
      const results = await writeResults(workspace, {
        experiments: shown,
        cast: castOf(mostSeeds),
        cohort,
        budget,
        beginning: begun,
      })
      const page = path.join(folder, 'report.html')
      const text = [
        ...results.findings.map(
          ({ experiment, verdict, sentence }) => `${experiment.padEnd(8)}${verdict.padEnd(9)}${sentence}`,
        ),
        `${runs.length} trainings in ${duration((performance.now() - began) / 1000)} (those finished before not counted)`,
        `open ${page}`,
      ].join('\n')
      return {
        exitCode: EXIT.done,
        document: { output: folder, report: page, ...results },
        text,
      }
    } finally {
      stop.release()
      loader.close()
      device?.close()
      lock?.release()
    }
  },
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
