import { bootstrapInterval, meanOf, STRUCTURE_LIMIT } from '@voxnorm/data'
import { approachOfHoldout, othersThan, type Run, runOf, type Study } from '../experiments.ts'
import type { Examination, MeasuredSubject, Measurement } from '../measurement/records.ts'
import { type Measured, measuredSeeds, scoreOf } from './aggregate.ts'
import { seedsOf } from './tables.ts'

/** One measure of trust at one site. */
export interface TrustRow {
  readonly measure: string
  readonly site: string
  /** Mean over the subjects with its 95 % bootstrap interval, which is NaN for a single one. */
  readonly value: number
  readonly low: number
  readonly high: number
  readonly subjects: number
  /** What the value is if nothing is wrong. */
  readonly ideal: string
  readonly meaning: string
}

/** The run whose normalised images are examined: the method with all sites. */
export const examinedRun = (study: Study): Run => runOf(study, 'ours', study.sites, study.seeds[0]!)

interface MeasureOfSubject {
  readonly measure: string
  readonly ideal: string
  readonly meaning: string
  readonly of: (subject: MeasuredSubject) => number | undefined
}

const tissueMean = (values: { CSF: number; GM: number; WM: number } | undefined, magnitude: boolean) =>
  values && meanOf([values.CSF, values.GM, values.WM].map((value) => (magnitude ? Math.abs(value) : value)))

const MEASURES: readonly MeasureOfSubject[] = [
  {
    measure: 'structure index',
    ideal: `1, at least ${STRUCTURE_LIMIT}`,
    meaning: 'share of the brain whose detail the input explains',
    of: ({ trust }) => trust?.structure?.structureIndex,
  },
  {
    measure: 'structural similarity (SSIM)',
    ideal: '1',
    meaning: 'after the best monotone alignment of the intensities',
    of: ({ trust }) => trust?.structure?.ssim,
  },
  {
    measure: 'edge F1',
    ideal: '1',
    meaning: 'edges that lie within a voxel of an edge of the other image',
    of: ({ trust }) => trust?.structure?.edgeF1,
  },
  {
    measure: 'seam index',
    ideal: '1',
    meaning: 'steps at the borders of the windows, relative to the input',
    of: ({ trust }) => trust?.structure?.seamIndex,
  },
  {
    measure: 'Dice of a classical segmenter, before and after',
    ideal: '1',
    meaning: 'an independent segmenter finds the same tissues in both images',
    of: ({ trust }) => tissueMean(trust?.classical.dice, false),
  },
  {
    measure: 'volume change by a classical segmenter (%)',
    ideal: '0',
    meaning: 'mean magnitude over the tissues',
    of: ({ trust }) => tissueMean(trust?.classical.volumeChange, true),
  },
  {
    measure: 'expected calibration error',
    ideal: '0',
    meaning: 'how far the probability of the chosen class is from how often it is right',
    of: ({ calibration }) => calibration.ece,
  },
  {
    measure: 'Brier score',
    ideal: '0',
    meaning: 'squared error of the probabilities',
    of: ({ calibration }) => calibration.brier,
  },
]

/** What the examined run does to the anatomy of its test subjects, site by site (docs/trust-measures.md). */
export function trustRows(
  study: Study,
  measured: Measured,
  examination: Examination | undefined,
): TrustRow[] {
  const measurement = measured(examinedRun(study))
  if (measurement === undefined) return []
  return study.sites.flatMap((site) => [
    ...MEASURES.flatMap(({ of, ...words }) =>
      rowOf(
        site,
        words,
        measurement.subjects
          .filter((subject) => subject.site === site)
          .flatMap((subject) => of(subject) ?? []),
      ),
    ),
    ...examinedRows(site, examination),
    ...holdoutRows(study, measured, site),
  ])
}

function examinedRows(site: string, examination: Examination | undefined): TrustRow[] {
  const own = examination?.subjects.filter((subject) => subject.site === site) ?? []
  return [
    ...rowOf(
      site,
      {
        measure: 'idempotence',
        ideal: '0',
        meaning: 'what normalising a second time changes, relative to the first',
      },
      own.map(({ idempotence }) => idempotence),
    ),
    ...rowOf(
      site,
      { measure: 'contrast of planted lesions', ideal: '1', meaning: 'share of their contrast that is left' },
      own.map(({ lesionRetention }) => meanOf(lesionRetention.filter(Number.isFinite))),
    ),
    ...rowOf(
      site,
      {
        measure: 'invented change',
        ideal: '0',
        meaning: 'share of the brain far from the planted lesions that changed with them',
      },
      own.map(({ invented }) => invented),
    ),
  ]
}

/** Leave one site out: how a model of the other sites does here, beside one that has seen the site. */
function holdoutRows(study: Study, measured: Measured, site: string): TrustRow[] {
  const runs = measuredSeeds(measured, seedsOf(study, approachOfHoldout(study), othersThan(study, site)))
  if (runs.length === 0) return []
  const { mean, low, high, subjects } = scoreOf(runs, 'dice', [site])
  const percentiles = percentilesAt(runs, site)
  return [
    {
      measure: 'Dice when the site is left out of the training',
      site,
      value: mean,
      low,
      high,
      subjects,
      ideal: 'as in Table 3',
      meaning: `trained on ${othersThan(study, site).join(', ')}${approachOfHoldout(study) === 'ours' ? '' : ', without discriminator'}`,
    },
    ...rowOf(
      site,
      {
        measure: 'out-of-distribution percentile when left out',
        ideal: 'high',
        meaning: 'share of the training scans that are more usual than a scan of the unseen site',
      },
      percentiles,
    ),
  ]
}

/** One percentile for each test subject of a site, the mean over the seeds. */
function percentilesAt(runs: readonly Measurement[], site: string): number[] {
  const people = new Map<string, number[]>()
  for (const { participant, site: own, trust } of runs.flatMap(({ subjects }) => subjects)) {
    const percentile = trust?.likeness?.percentile
    if (own !== site || percentile === undefined) continue
    people.set(participant, [...(people.get(participant) ?? []), percentile])
  }
  return [...people.values()].map(meanOf)
}

/** `measured` has one value for each subject; those that could not be computed are left out. */
function rowOf(
  site: string,
  words: Pick<TrustRow, 'measure' | 'ideal' | 'meaning'>,
  measured: readonly number[],
): TrustRow[] {
  const values = measured.filter(Number.isFinite)
  if (values.length === 0) return []
  const interval =
    values.length > 1 ? bootstrapInterval(values, { seed: 1 }) : { low: Number.NaN, high: Number.NaN }
  return [{ ...words, site, value: meanOf(values), ...interval, subjects: values.length }]
}
