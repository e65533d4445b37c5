import { holm, meanOf, wilcoxonSignedRank } from '@voxnorm/data'
import {
  APPROACHES_OF_TABLE3,
  type Approach,
  type Setting,
  type Study,
  settingsOf,
  sitesOfSetting,
} from '../experiments.ts'
import { type Measured, measuredSeeds, subjectMeans } from './aggregate.ts'
import { seedsOf } from './tables.ts'

/** Two methods on the same test subjects. */
export interface Comparison {
  readonly setting: Setting
  readonly first: Approach
  readonly second: Approach
  /** Mean over the subjects of the first's mean Dice minus the second's. */
  readonly difference: number
  /** Wilcoxon's signed-rank test, two-sided, as it is and corrected by Holm over the pairs of the setting. */
  readonly p: number
  readonly adjusted: number
  readonly subjects: number
}

/** Every pair of methods of Table 3, on the mean Dice of each test subject averaged over the seeds. */
export function comparisons(study: Study, measured: Measured): Comparison[] {
  return settingsOf(study).flatMap((setting) => {
    const sites = sitesOfSetting(study, setting)
    const known = APPROACHES_OF_TABLE3.flatMap((approach) => {
      const runs = measuredSeeds(measured, seedsOf(study, approach, sites))
      return runs.length === 0
        ? []
        : [{ approach, scores: subjectMeans(runs, 'dice', sites).map(({ value }) => value) }]
    })
    const pairs = known.flatMap((first, index) =>
      known.slice(index + 1).map((second) => ({
        setting,
        first: second.approach,
        second: first.approach,
        difference: meanOf(second.scores.map((score, subject) => score - first.scores[subject]!)),
        p: wilcoxonSignedRank(second.scores, first.scores).p,
        subjects: first.scores.length,
      })),
    )
    const adjusted = holm(pairs.map(({ p }) => p))
    return pairs.map((pair, index) => ({ ...pair, adjusted: adjusted[index]! }))
  })
}
