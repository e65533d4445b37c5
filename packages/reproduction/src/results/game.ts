import type { Collapse } from '@voxnorm/report'
import { type Study, sitesOfSetting, TERMS, type Term } from '../experiments.ts'
import {
  collapseOfRuns,
  harmonizationOf,
  type Measured,
  meanOver,
  measuredSeeds,
  type Score,
  scoreOf,
  structureIndexOf,
} from './aggregate.ts'
import { seedsOf } from './tables.ts'

/** A value before and after normalisation. */
export interface BeforeAfter {
  readonly raw: number
  readonly normalized: number
}

/** What one adversarial term makes of the first two sites; `none` is the generator without discriminator (λ = 0). */
export interface GameRow {
  readonly term: Term | 'none'
  readonly DSC: Score
  /** Of the discriminator in evaluation mode, in percent of real and generated patches; NaN without one. */
  readonly accTrain: number
  readonly accTest: number
  /** Rows actual, columns predicted, `[sites…, generated]`, on test patches of the first seed. */
  readonly confusion: readonly (readonly number[])[] | undefined
  /** Where these are one answer to everything. */
  readonly collapsed: Collapse | undefined
  /** Balanced accuracy of an independent classifier of patches, its chance level and permutation p. */
  readonly siteAccuracy: BeforeAfter
  readonly chance: number
  /** The largest p of the seeds. */
  readonly p: BeforeAfter
  /** By tissue and for the whole brain (`all`). */
  readonly jsd: Readonly<Record<Region, BeforeAfter>>
  readonly wasserstein: Readonly<Record<Region, BeforeAfter>>
  readonly structureIndex: number
}

export const REGIONS = ['all', 'CSF', 'GM', 'WM'] as const
export type Region = (typeof REGIONS)[number]

/** The adversarial game with each term (docs/method.md#adversarial-terms). */
export function gameRows(study: Study, measured: Measured): GameRow[] {
  const dual = sitesOfSetting(study, 'dual')
  return (['none', ...TERMS] as const).flatMap((term): GameRow[] => {
    const runs = measuredSeeds(
      measured,
      term === 'none' ? seedsOf(study, 'preprocessor', dual) : seedsOf(study, 'ours', dual, { term }),
    )
    if (runs.length === 0) return []
    const accuracy = (split: 'train' | 'test') =>
      meanOver(runs, ({ patches }) => 100 * (patches.discriminator?.[split].accuracy ?? Number.NaN))
    const both = (pick: (stage: 'raw' | 'normalized') => number): BeforeAfter => ({
      raw: pick('raw'),
      normalized: pick('normalized'),
    })
    const distance = (measure: string) =>
      Object.fromEntries(
        REGIONS.map((tissue) => [
          tissue,
          both((stage) => meanOver(runs, (run) => harmonizationOf(run, measure, tissue)[stage])),
        ]),
      ) as Record<Region, BeforeAfter>
    return [
      {
        term,
        DSC: scoreOf(runs, 'dice', dual),
        accTrain: accuracy('train'),
        accTest: accuracy('test'),
        confusion: runs[0]!.patches.discriminator?.test.confusion,
        collapsed: collapseOfRuns(runs, dual, 'test'),
        siteAccuracy: both((stage) => meanOver(runs, ({ patches }) => patches.sites[stage].accuracy)),
        chance: runs[0]!.patches.sites.raw.chance,
        p: both((stage) => Math.max(...runs.map(({ patches }) => patches.sites[stage].p))),
        jsd: distance('jsd'),
        wasserstein: distance('wasserstein'),
        structureIndex: structureIndexOf(runs, dual),
      },
    ]
  })
}
