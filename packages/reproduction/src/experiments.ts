import { createHash } from 'node:crypto'
import { ConfigError } from '@voxnorm/data'
import type { Config } from '@voxnorm/pipeline/training'
import { PAPER_LAMBDA, TABLE7 } from './published.ts'

/** What can be reproduced: the paper's tables with their figures, the comparison of adversarial terms, and trust. */
export const EXPERIMENTS = [
  'table2',
  'table3',
  'table4',
  'table5',
  'table6',
  'table7',
  'game',
  'trust',
] as const

/** The name of an experiment. */
export type Experiment = (typeof EXPERIMENTS)[number]

/** A way to make images alike before or while they are segmented; the last two are classical. */
export type Approach = 'baseline' | 'standardization' | 'preprocessor' | 'ours' | 'nyul' | 'white-stripe'

/** The adversarial terms that are compared: the paper's first. */
export const TERMS = ['minimax', 'non-saturating', 'others', 'confusion'] as const
export type Term = (typeof TERMS)[number]

/** One training. Equal runs of different experiments are trained once. */
export interface Run {
  readonly approach: Approach
  /** Sites that it learns from. */
  readonly sites: readonly string[]
  readonly modalities: readonly string[]
  /** As the paper counts it; 0 without a discriminator. */
  readonly lambda: number
  readonly term: Term
  /** Whether half of the patches are degraded by a bias field (section 3.5 of the paper). */
  readonly biased: boolean
  readonly seed: number
}

/** The sites of a reproduction by what they stand for, and what else the experiments depend on. */
export interface Study {
  /** In the order of their roles: the first two are the pair of "dual", all together are "multi". */
  readonly sites: readonly string[]
  /** What every subject has; the first alone is used but for Table 5. */
  readonly modalities: readonly string[]
  readonly seeds: readonly number[]
}

/** Settings of Tables 3 and 4. */
export type Setting = 'dual' | 'multi'

export const APPROACHES_OF_TABLE3 = [
  'standardization',
  'nyul',
  'white-stripe',
  'preprocessor',
  'ours',
] as const satisfies readonly Approach[]

/** Reads the words after `reproduce`. Throws ConfigError for a word that is no experiment. */
export function readExperiments(words: readonly string[]): Experiment[] {
  const unknown = words.find((word) => word !== 'all' && !EXPERIMENTS.some((name) => name === word))
  if (unknown !== undefined) {
    throw new ConfigError(`there is no experiment "${unknown}".`, {
      fix: `use some of ${EXPERIMENTS.join(', ')}, or all`,
    })
  }
  return EXPERIMENTS.filter((name) => words.includes('all') || words.includes(name))
}

/** Why an experiment cannot be done with the data of a study, as a sentence; undefined where it can. */
export function reasonAgainst(experiment: Experiment, { modalities }: Study): string | undefined {
  if (experiment !== 'table5' || modalities.length > 1) return undefined
  return `Table 5 compares one modality with two, but only ${modalities.join(', ')} exists for every subject of the first two sites.`
}

/** The settings that there are sites for. */
export const settingsOf = ({ sites }: Study): readonly Setting[] =>
  sites.length > 2 ? ['dual', 'multi'] : ['dual']

/** The sites of a setting. */
export const sitesOfSetting = ({ sites }: Study, setting: Setting): readonly string[] =>
  setting === 'dual' ? sites.slice(0, 2) : sites

/** A run of the first modality with the paper's λ, but for what is given. */
export const runOf = (
  study: Study,
  approach: Approach,
  sites: readonly string[],
  seed: number,
  other: Partial<Run> = {},
): Run => ({
  approach,
  sites,
  modalities: study.modalities.slice(0, 1),
  lambda: approach === 'ours' ? PAPER_LAMBDA : 0,
  term: 'minimax',
  biased: false,
  seed,
  ...other,
})

/** All sites but one: what leave-one-site-out learns from. */
export const othersThan = ({ sites }: Study, site: string): readonly string[] =>
  sites.filter((other) => other !== site)

/**
 * The approach that leave-one-site-out is done with: a single remaining site gives a discriminator nothing to tell apart,
 * so with two sites it is the generator without one.
 */
export const approachOfHoldout = ({ sites }: Pick<Study, 'sites'>): Approach =>
  sites.length > 2 ? 'ours' : 'preprocessor'

/**
 * Sites whose test subjects a run is measured on: its own, and for runs that show how well a method transfers (a
 * segmenter alone; what leave-one-site-out is done with) the others, too.
 */
export function testedSites(run: Run, study: Pick<Study, 'sites'>): readonly string[] {
  const { approach, sites, modalities, lambda, term, biased } = run
  const plain = modalities.length === 1 && !biased && term === 'minimax' && [0, PAPER_LAMBDA].includes(lambda)
  const heldOut = plain && approach === approachOfHoldout(study) && sites.length === study.sites.length - 1
  return approach === 'baseline' || heldOut ? study.sites : sites
}

/** The runs that an experiment needs (docs/method.md#experiments), with those that it shares with others. */
export const runsOf = (experiment: Experiment, study: Study): Run[] =>
  study.seeds.flatMap((seed) =>
    RUNS[experiment](study, (approach, sites, other) => runOf(study, approach, sites, seed, other)),
  )

type MakeRun = (approach: Approach, sites: readonly string[], other?: Partial<Run>) => Run

const pairOf = (study: Study) => sitesOfSetting(study, 'dual')

const RUNS: Readonly<Record<Experiment, (study: Study, run: MakeRun) => Run[]>> = {
  table2: ({ sites }, run) => sites.map((site) => run('baseline', [site])),
  table3: (study, run) =>
    settingsOf(study).flatMap((setting) =>
      APPROACHES_OF_TABLE3.map((approach) => run(approach, sitesOfSetting(study, setting))),
    ),
  table4: (study, run) =>
    settingsOf(study).flatMap((setting) =>
      (['preprocessor', 'ours'] as const).map((approach) => run(approach, sitesOfSetting(study, setting))),
    ),
  table5: (study, run) => [
    run('ours', pairOf(study)),
    run('ours', pairOf(study), { modalities: study.modalities.slice(0, 2) }),
  ],
  table6: (study, run) => [run('ours', pairOf(study), { biased: true })],
  table7: (study, run) => TABLE7.map(({ lambda }) => run('ours', pairOf(study), { lambda })),
  game: (study, run) => [
    run('preprocessor', pairOf(study)),
    ...TERMS.map((term) => run('ours', pairOf(study), { term })),
  ],
  trust: (study, run) => [
    run('ours', study.sites),
    ...study.sites.map((site) => run(approachOfHoldout(study), othersThan(study, site))),
  ],
}

/** File systems allow 255 bytes; the rest is for the hash, the ending and the temporary file beside it. */
const LONGEST_NAME = 200

/** A name for a run that is the same for equal runs and can be a folder. */
export function keyOf({ approach, sites, modalities, lambda, term, biased, seed }: Run): string {
  const parts = [
    approach,
    sites.join('+'),
    ...(modalities.length > 1 ? [modalities.join('+')] : []),
    ...(approach === 'ours' && lambda !== PAPER_LAMBDA ? [`lambda-${lambda}`] : []),
    ...(term === 'minimax' ? [] : [term]),
    ...(biased ? ['bias-field'] : []),
    `seed-${seed}`,
  ]
  const name = parts.join('_')
  const plain = name.replaceAll(/[^\w.+-]/g, '-').slice(0, LONGEST_NAME)
  // Sites whose names differ only in what a folder's name leaves out are different sites.
  return plain === name ? plain : `${plain}_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
}

/** Runs without repetitions, in the order in which they are first needed. */
export function distinctRuns(runs: readonly Run[]): Run[] {
  return [...new Map(runs.map((run) => [keyOf(run), run])).values()]
}

/** Settings that the experiments or other flags decide; `--set` would change nothing, or only half of what uses them. */
const DECIDED = [
  'seed',
  'data.table',
  'data.labels',
  'data.modalities',
  'data.fold',
  'loss.lambda',
  'loss.adversarial',
  'train.method',
  'augment',
]

/** Throws ConfigError for a `--set` of what makes the runs differ. */
export function assertSettable(set: readonly string[]): void {
  for (const word of set) {
    const key = word.split('=')[0]!
    const decided = DECIDED.find((one) => key === one || key.startsWith(`${one}.`))
    if (decided === undefined) continue
    throw new ConfigError(`--set ${word} has no place here: the experiments decide ${decided}.`, {
      fix: 'leave it out; seed, data and labels have flags of their own',
    })
  }
}

/** How an approach trains; without a scaling of its own it has that of the scale. */
const TRAININGS: Readonly<
  Record<Approach, Pick<Config['train'], 'method'> & Partial<Pick<Config['data'], 'scaling'>>>
> = {
  baseline: { method: 'baseline' },
  standardization: { method: 'standardization', scaling: 'zscore' },
  preprocessor: { method: 'preprocessor' },
  ours: { method: 'adversarial' },
  nyul: { method: 'baseline', scaling: 'nyul' },
  'white-stripe': { method: 'baseline', scaling: 'white-stripe' },
}

/** The settings of one run: those of the scale with what makes the run what it is. */
export function configOfRun(run: Run, scale: Config, lambdaFactor: number): Config {
  const { method, scaling = scale.data.scaling } = TRAININGS[run.approach]
  return {
    ...scale,
    seed: run.seed,
    data: { ...scale.data, modalities: [...run.modalities], scaling },
    loss: { ...scale.loss, lambda: run.lambda * lambdaFactor, adversarial: run.term },
    train: { ...scale.train, method },
    augment: { biasField: { probability: run.biased ? 0.5 : 0, alpha: [0, 1] } },
  }
}
