import { deviationOf, meanOf, stratifiedBootstrapInterval, type Tissue } from '@voxnorm/data'
import { type Collapse, collapseOf } from '@voxnorm/report'
import { keyOf, type Run } from '../experiments.ts'
import type { MeasuredSubject, Measurement } from '../measurement/records.ts'
import type { TissueValues } from '../published.ts'

/** What was measured, by the run; undefined for a run that no call in this folder has measured. */
export type Measured = (run: Run) => Measurement | undefined

/** A value of each tissue with the spread that it has. */
export interface Score extends TissueValues {
  /** Standard deviation of the mean over the seeds; NaN for a single one. */
  readonly seedDeviation: number
  /** 95 % bootstrap interval of the mean, the subjects drawn within their sites; NaN where a site has a single one. */
  readonly low: number
  readonly high: number
  readonly subjects: number
}

/** Columns of `segmentation.tsv` that are averaged. */
export type ScoreName = 'dice' | 'hd' | 'hd95' | 'mhd' | 'assd'

/**
 * Means over the subjects of some sites, first over the subjects of a site, then over the sites with equal weight. Seeds
 * are averaged within a subject first, so that the interval speaks of people and not of repetitions. NaN distances, of a
 * tissue that is missing in one of the maps, are left out.
 */
export function scoreOf(
  measurements: readonly Measurement[],
  name: ScoreName,
  sites: readonly string[],
): Score {
  const perSeed = measurements.map(({ subjects }) => siteMean(subjects, name, sites))
  const tissue = (label: Tissue) => meanOf(perSeed.map((values) => values[label]))
  const people = subjectMeans(measurements, name, sites)
  const groups = sites.map((site) => people.filter((one) => one.site === site).map(({ value }) => value))
  const { low, high } = groups.some(({ length }) => length < 2)
    ? { low: Number.NaN, high: Number.NaN }
    : stratifiedBootstrapInterval(groups, { seed: 1 })
  const [CSF, GM, WM] = [tissue('CSF'), tissue('GM'), tissue('WM')]
  return {
    CSF,
    GM,
    WM,
    mean: meanOf([CSF, GM, WM]),
    seedDeviation: deviationOf(perSeed.map((values) => meanOf(Object.values(values)))),
    low,
    high,
    subjects: people.length,
  }
}

/** The mean of the tissues for every test subject, over the seeds; without subjects that have no value at all. */
export function subjectMeans(
  measurements: readonly Measurement[],
  name: ScoreName,
  sites: readonly string[],
): { readonly site: string; readonly value: number }[] {
  const people = new Map<string, { site: string; values: number[] }>()
  for (const { subjects } of measurements) {
    for (const { site, participant, scores } of subjects) {
      if (!sites.includes(site)) continue
      const who = `${site}/${participant}`
      const known = scores.map((row) => row[name]).filter((value) => !Number.isNaN(value))
      if (known.length === 0) continue
      const person = people.get(who) ?? { site, values: [] }
      person.values.push(meanOf(known))
      people.set(who, person)
    }
  }
  return [...people.values()].map(({ site, values }) => ({ site, value: meanOf(values) }))
}

function siteMean(subjects: readonly MeasuredSubject[], name: ScoreName, sites: readonly string[]) {
  const ofTissue = (label: Tissue) => {
    const bySite = sites.map((site) => {
      const own = subjects.filter((subject) => subject.site === site)
      const rows = own.flatMap(({ scores }) => scores.filter((row) => row.label === label))
      return meanOf(rows.map((row) => row[name]).filter((value) => !Number.isNaN(value)))
    })
    return meanOf(bySite.filter((value) => !Number.isNaN(value)))
  }
  return { CSF: ofTissue('CSF'), GM: ofTissue('GM'), WM: ofTissue('WM') }
}

/** The measurements that there are of runs that differ in their seed only: another call may have had fewer seeds. */
export const measuredSeeds = (measured: Measured, runs: readonly Run[]): Measurement[] =>
  runs.flatMap((run) => measured(run) ?? [])

/** A number of every seed's measurement, averaged. */
export const meanOver = (
  measurements: readonly Measurement[],
  pick: (measurement: Measurement) => number,
): number => meanOf(measurements.map(pick))

/** Mean structure index of the test subjects of some sites; NaN without a generator. */
export const structureIndexOf = (measurements: readonly Measurement[], sites: readonly string[]): number =>
  meanOver(measurements, ({ subjects }) =>
    meanOf(
      subjects.flatMap(({ site, trust }) =>
        sites.includes(site) ? (trust?.structure?.structureIndex ?? []) : [],
      ),
    ),
  )

/** Whether the discriminator of the first seed gives one answer to all patches; `sites` are those of its model. */
export function collapseOfRuns(
  [first]: readonly Measurement[],
  sites: readonly string[],
  split: 'train' | 'test',
): Collapse | undefined {
  const judgement = first?.patches.discriminator?.[split]
  // A model numbers its sites alphabetically.
  return judgement && collapseOf([...[...sites].sort(), 'generated'], judgement.confusion)
}

/** The row of `harmonization.tsv` for all sites at once. */
export function harmonizationOf(
  { harmonization, run }: Measurement,
  measure: string,
  tissue: string,
): { readonly raw: number; readonly normalized: number } {
  const rows = harmonization.filter((row) => row.measure === measure && row.tissue === tissue)
  const all = rows.filter(({ site_a }) => site_a === 'all')
  const used = all.length > 0 ? all : rows
  if (used.length === 0) throw new RangeError(`${keyOf(run)} was not measured for ${measure} of ${tissue}`)
  return {
    raw: meanOf(used.map(({ raw }) => raw)),
    normalized: meanOf(used.map(({ normalized }) => normalized)),
  }
}
