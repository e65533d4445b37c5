import {
  type AssignedSubject,
  assignSplits,
  DataError,
  type Dataset,
  type LoadOptions,
  type PreparedSubject,
  requireFiles,
  SCALINGS,
  type Subject,
  sitesOf,
} from '@voxnorm/data'
import { dirname, relative } from 'pathe'
import type { Config } from '../config/schema.ts'
import { assertFitsSites } from '../config/to-training.ts'
import { warnOfFiles } from '../file-warnings.ts'
import type { Log } from '../log.ts'
import type { StopRequest } from '../stop.ts'
import { assertTissuesOccur, exchangeWarning } from './label-checks.ts'
import type { DatasetRecord } from './run-records.ts'

/** The subjects of a run before their images are read. */
export interface RunPlan {
  /** Domain names; the position is the number of the domain. */
  readonly sites: readonly string[]
  readonly subjects: readonly AssignedSubject[]
  readonly warnings: readonly string[]
}

/** Reads and prepares one subject; see `loadSubject` of @voxnorm/data. */
export type LoadSubject = (subject: Subject, options: LoadOptions) => Promise<PreparedSubject>

/** The images of a run, ready for the networks. */
export interface RunData {
  readonly train: readonly PreparedSubject[]
  readonly validation: readonly PreparedSubject[]
  /** For the scaling `nyul`: the landmarks of each modality, learnt from the training subjects. */
  readonly standardScale?: readonly (readonly number[])[]
}

/**
 * Decides who of a data set trains, validates and tests.
 *
 * Sites are those of the training subjects, without the one that `data.fold` leaves out for testing; validation
 * subjects of other sites become test subjects, as the discriminator knows no number for them. Throws ConfigError when
 * the method or the fold does not fit the sites and DataError for training or validation subjects without labels.
 */
export function planRun(config: Config, dataset: Dataset): RunPlan {
  const { table, fold } = config.data
  const { seed } = config
  const assigned = assignSplits(dataset.subjects, fold === 'none' ? { seed } : { seed, fold })
  const sites = sitesOf(assigned.filter(({ split }) => split === 'train'))
  assertFitsSites(config, sites)
  if (sites.length === 0) {
    throw new DataError('no subject is for training.', {
      file: table,
      fix: 'mark some subjects with the split train',
    })
  }
  const warnings = [...dataset.warnings]
  const subjects = assigned.map((subject): AssignedSubject => {
    if (subject.split !== 'validation' || sites.includes(subject.site)) return subject
    warnings.push(
      `${subject.id} validates for ${subject.site}, which has no training subject: it is left for testing.`,
    )
    return { ...subject, split: 'test' }
  })
  const unlabelled = subjects.find(({ split, label }) => split !== 'test' && label === undefined)
  if (unlabelled !== undefined) {
    throw new DataError(
      `the ${unlabelled.split} subject ${unlabelled.id} of site ${unlabelled.site} has no label map.`,
      {
        file: table,
        fix: 'add the label map, or mark the subject with the split test',
      },
    )
  }
  requireFiles(subjects.filter(({ split }) => split !== 'test'))
  if (!subjects.some(({ split }) => split === 'validation')) {
    warnings.push('No subject validates: the best checkpoint cannot be told from the latest.')
  }
  return { sites, subjects, warnings }
}

/**
 * Reads and prepares the training and validation subjects. All are asked for at the start; `load` decides how many it
 * does at a time. Errors are those of the first subject that has one; DataError too where a tissue does not occur at all.
 * Throws StoppedError between two subjects after a stop signal.
 */
export async function loadRun(
  config: Config,
  plan: RunPlan,
  log: Log,
  stop: StopRequest,
  load: LoadSubject,
): Promise<RunData> {
  const { scaling, maskFrom, voxelSize, modalities, table } = config.data
  const wanted = plan.subjects.filter(({ split }) => split !== 'test')
  // Patches reach beyond the volume into zeros, so the brain alone is enough.
  const options = { scaling, maskFrom, voxelSize, modalities, margin: 0 }
  const loading = wanted.map((subject) => load(subject, options))
  // Behind the first that fails nobody awaits the others any more.
  for (const subject of loading) subject.catch(() => undefined)
  const prepared: PreparedSubject[] = []
  for (const subject of loading) {
    stop.throwIfStopped('the training has not begun')
    log.progress({ what: 'load', done: prepared.length, total: wanted.length, unit: 'subjects' })
    prepared.push(await subject)
    warnOfFiles(log, prepared.at(-1)!.warnings)
  }
  log.endProgress()
  const of = (split: string) => prepared.filter((_, index) => wanted[index]!.split === split)
  const [train, validation] = [of('train'), of('validation')]
  assertTissuesOccur(train, plan.subjects, table)
  const channel = modalities.indexOf('T1w')
  const exchanged = channel < 0 ? undefined : exchangeWarning(train, plan.subjects, channel)
  if (exchanged !== undefined) log.warning('labels', exchanged)
  const { learning } = SCALINGS[scaling]
  if (learning === undefined) return { train, validation }
  // A scale is learnt from what was scaled without it.
  const standardScale = learning.learn(train)
  const standardise = (subject: PreparedSubject) => learning.apply(subject, standardScale)
  return { train: train.map(standardise), validation: validation.map(standardise), standardScale }
}

/** dataset.json of a run; files are named relative to the data's own folder, so that the record can be shared. */
export function datasetRecord(config: Config, plan: RunPlan): DatasetRecord {
  const { table, modalities } = config.data
  const root = /\.tsv$/i.test(table) ? dirname(table) : table
  const named = (file: string) => relative(root, file)
  return {
    sites: plan.sites,
    modalities,
    rows: plan.subjects.map(({ id, site, split, images, label, labels, mask }) => ({
      participant_id: id,
      site,
      split,
      images: Object.fromEntries(modalities.map((modality) => [modality, named(images[modality]!)])),
      ...(label === undefined ? {} : { label: named(label) }),
      ...(labels === undefined ? {} : { labels }),
      ...(mask === undefined ? {} : { mask: named(mask) }),
    })),
  }
}
