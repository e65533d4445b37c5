import { jensenShannonBound, jensenShannonLegacy, meanOf } from '@voxnorm/data'
import type { Collapse } from '@voxnorm/report'
import {
  APPROACHES_OF_TABLE3,
  type Approach,
  type Run,
  runOf,
  type Setting,
  type Study,
  settingsOf,
  sitesOfSetting,
} from '../experiments.ts'
import type { Measurement } from '../measurement/records.ts'
import { ALPHAS, TABLE2, TABLE3, TABLE4, TABLE5, TABLE6, TABLE7, type TissueValues } from '../published.ts'
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

/** Scores beside those of the paper. */
interface Compared {
  readonly DSC: Score
  /** Eq. (5): the mean of the two largest surface distances, in mm. */
  readonly MHD: Score
  /** Average symmetric surface distance in mm: what the printed MHD fits. */
  readonly assd: Score
  readonly published: { readonly DSC: TissueValues; readonly MHD: TissueValues } | null
}

export interface Row2 extends Score {
  readonly train: string
  readonly test: string
  readonly published: TissueValues | null
}
export interface Row3 extends Compared {
  readonly setting: Setting
  readonly method: Approach
}
export interface Row4 {
  readonly setting: Setting
  readonly domains: readonly string[]
  /** Jensen-Shannon divergence of the brain's intensities in nats, before and after. */
  readonly input: number
  readonly preprocessor: number
  readonly ours: number
  /** The largest divergence that so many sites can have. */
  readonly bound: number
  /** Mean structure index of the normalised images: where it is low, a divergence that falls is no success. */
  readonly structureIndex: { readonly preprocessor: number; readonly ours: number }
  /** The number of the authors' script on these images: `images` of them in every column. */
  readonly legacy: {
    readonly input: number
    readonly preprocessor: number
    readonly ours: number
    readonly images: number
  }
  readonly published: { readonly input: number; readonly preprocessor: number; readonly ours: number }
}
export interface Row5 extends Compared {
  readonly modality: readonly string[]
}
export interface Row6 {
  /** Slope of the field; 0 is the original. */
  readonly alpha: number
  readonly site: string
  /** Correlation in an axial slice, as in the paper. */
  readonly degraded: number
  readonly normalized: number
  readonly degradedVolume: number
  readonly normalizedVolume: number
  readonly published: { readonly degraded: number; readonly normalized: number | null } | null
}
export interface Row7 {
  readonly lambda: number
  /** What λ is in the run: the paper's times the scale's factor. */
  readonly usedLambda: number
  readonly meanDSC: number
  readonly seedDeviation: number
  readonly low: number
  readonly high: number
  /** In percent, in evaluation mode. */
  readonly accTrain: number
  readonly accTest: number
  /** Where the discriminator of the first seed gives one answer to everything. */
  readonly collapsed: { readonly train: Collapse | undefined; readonly test: Collapse | undefined }
  readonly published: { readonly meanDSC: number; readonly accTrain: number; readonly accTest: number }
}

/** Runs that differ in the seed only. */
export const seedsOf = (
  study: Study,
  approach: Approach,
  sites: readonly string[],
  other: Partial<Run> = {},
): Run[] => study.seeds.map((seed) => runOf(study, approach, sites, seed, other))

/** Table 2: segmenters of single sites at home and abroad. */
export function table2(study: Study, measured: Measured): Row2[] {
  return study.sites.flatMap((train, from) => {
    const runs = measuredSeeds(measured, seedsOf(study, 'baseline', [train]))
    if (runs.length === 0) return []
    return study.sites.map((test, to) => {
      const published = TABLE2.find((row) => row.train === from && row.test === to)
      return {
        train,
        test,
        ...scoreOf(runs, 'dice', [test]),
        published: published ? tissuesOf(published) : null,
      }
    })
  })
}

/** Table 3: one network for all sites, by method. */
export function table3(study: Study, measured: Measured): Row3[] {
  return settingsOf(study).flatMap((setting) =>
    APPROACHES_OF_TABLE3.flatMap((method): Row3[] => {
      const sites = sitesOfSetting(study, setting)
      const runs = measuredSeeds(measured, seedsOf(study, method, sites))
      const published = method === 'nyul' || method === 'white-stripe' ? null : TABLE3[setting][method]
      return runs.length === 0 ? [] : [{ setting, method, ...compared(runs, sites), published }]
    }),
  )
}

/** Table 4: how far apart the sites are. */
export function table4(study: Study, measured: Measured): Row4[] {
  return settingsOf(study).flatMap((setting): Row4[] => {
    const domains = sitesOfSetting(study, setting)
    const without = measuredSeeds(measured, seedsOf(study, 'preprocessor', domains))
    const ours = measuredSeeds(measured, seedsOf(study, 'ours', domains))
    if (without.length === 0 || ours.length === 0) return []
    const divergence = (runs: readonly Measurement[], stage: 'raw' | 'normalized') =>
      meanOver(runs, (run) => harmonizationOf(run, 'jsd', 'all')[stage])
    const legacy = (runs: readonly Measurement[], stage: 'raw' | 'normalized') =>
      meanOver(runs, ({ subjects }) =>
        jensenShannonLegacy(
          subjects.filter(({ site }) => domains.includes(site)).map(({ whole }) => whole[stage]),
        ),
      )
    return [
      {
        setting,
        domains,
        input: divergence(ours, 'raw'),
        preprocessor: divergence(without, 'normalized'),
        ours: divergence(ours, 'normalized'),
        bound: jensenShannonBound(domains.length),
        structureIndex: {
          preprocessor: structureIndexOf(without, domains),
          ours: structureIndexOf(ours, domains),
        },
        legacy: {
          input: legacy(ours, 'raw'),
          preprocessor: legacy(without, 'normalized'),
          ours: legacy(ours, 'normalized'),
          images: ours[0]!.subjects.filter(({ site }) => domains.includes(site)).length,
        },
        published: TABLE4[setting],
      },
    ]
  })
}

/** Table 5: one modality and two. */
export function table5(study: Study, measured: Measured): Row5[] {
  const dual = sitesOfSetting(study, 'dual')
  const both = study.modalities.slice(0, 2)
  if (both.length < 2) return []
  const rows = [
    { modality: study.modalities.slice(0, 1), published: TABLE5.one },
    { modality: both, published: TABLE5.two },
  ]
  return rows.flatMap(({ modality, published }): Row5[] => {
    const runs = measuredSeeds(measured, seedsOf(study, 'ours', dual, { modalities: modality }))
    return runs.length === 0 ? [] : [{ modality, ...compared(runs, dual), published }]
  })
}

/** Table 6: bias fields before and after. */
export function table6(study: Study, measured: Measured): Row6[] {
  const dual = sitesOfSetting(study, 'dual')
  const runs = measuredSeeds(measured, seedsOf(study, 'ours', dual, { biased: true }))
  if (runs.length === 0) return []
  return dual.flatMap((site, role) =>
    [0, ...ALPHAS].map((alpha, index): Row6 => {
      const points = runs.flatMap(({ bias }) =>
        bias
          .filter((one) => one.site === site)
          .flatMap((one) => one.points.filter((point) => point.alpha === alpha)),
      )
      return {
        alpha,
        site,
        degraded: meanOf(points.map(({ degraded }) => degraded.slice)),
        normalized: meanOf(points.map(({ normalized }) => normalized.slice)),
        degradedVolume: meanOf(points.map(({ degraded }) => degraded.volume)),
        normalizedVolume: meanOf(points.map(({ normalized }) => normalized.volume)),
        published: TABLE6[role]?.[index] ?? null,
      }
    }),
  )
}

/** Table 7: the weight of the adversarial term. */
export function table7(study: Study, measured: Measured, lambdaFactor: number): Row7[] {
  const dual = sitesOfSetting(study, 'dual')
  return TABLE7.flatMap(({ lambda, ...published }): Row7[] => {
    const runs = measuredSeeds(measured, seedsOf(study, 'ours', dual, { lambda }))
    if (runs.length === 0) return []
    const { mean, seedDeviation, low, high } = scoreOf(runs, 'dice', dual)
    const accuracy = (split: 'train' | 'test') =>
      meanOver(runs, ({ patches }) => 100 * (patches.discriminator?.[split].accuracy ?? Number.NaN))
    return [
      {
        lambda,
        usedLambda: lambda * lambdaFactor,
        meanDSC: mean,
        seedDeviation,
        low,
        high,
        accTrain: accuracy('train'),
        accTest: accuracy('test'),
        collapsed: {
          train: collapseOfRuns(runs, dual, 'train'),
          test: collapseOfRuns(runs, dual, 'test'),
        },
        published,
      },
    ]
  })
}

function compared(runs: readonly Measurement[], sites: readonly string[]) {
  return {
    DSC: scoreOf(runs, 'dice', sites),
    MHD: scoreOf(runs, 'mhd', sites),
    assd: scoreOf(runs, 'assd', sites),
  }
}

function tissuesOf({ CSF, GM, WM, mean }: TissueValues): TissueValues {
  return { CSF, GM, WM, mean }
}
