import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, DataError, SPLITS } from '@voxnorm/data'
import type { PredictionInput } from '../prediction/input.ts'
import type { DatasetRecord } from '../training/run-records.ts'

/** Values of the flag `--split`. */
export const SPLIT_CHOICES = [...SPLITS, 'all'] as const

/**
 * The inputs that are to be predicted, with the split that each had in the run at `modelPlace`: what a model was trained
 * on, its run knows best. Subjects are matched by site and id; those that the run does not name keep the split that their
 * data set gives them.
 *
 * `wanted` names a split or `all`. Without it, of a data set that has splits the test subjects are taken, and everything
 * else as a whole. Throws ConfigError when nothing is left.
 */
export function chooseSplit(
  inputs: readonly PredictionInput[],
  wanted: string | undefined,
  modelPlace: string,
): readonly PredictionInput[] {
  const splitInRun = readSplits(modelPlace)
  const marked = inputs.map((input) => ({ ...input, split: splitInRun(input) ?? input.split }))
  if (wanted === undefined) {
    // The data set alone decides here: whether a table without splits is predicted must not depend on the model's place.
    const kept = marked.filter((_, index) => ['n/a', 'test'].includes(inputs[index]!.split))
    if (kept.length > 0) return kept
    throw new ConfigError('the dataset has splits, but no subject of it is marked test.', {
      fix: 'choose others with --split, or give the image files themselves',
    })
  }
  const kept = wanted === 'all' ? marked : marked.filter(({ split }) => split === wanted)
  if (kept.length > 0) return kept
  const known = marked.some(({ split }) => split !== 'n/a')
  throw new ConfigError(
    known
      ? `--split is ${wanted}, but no subject of the input has that split.`
      : `--split is ${wanted}, but neither the input nor the model says which subject has which split.`,
    { fix: 'give the run folder as the model and its data set as the input, or a table with a column split' },
  )
}

/** Splits by the record of the run that a model lies in; of a model that lies elsewhere, nothing is known. */
function readSplits(modelPlace: string): (input: PredictionInput) => string | undefined {
  const place = path.resolve(modelPlace)
  const folder = [place, path.dirname(place), path.dirname(path.dirname(place))].find((one) =>
    ['config.resolved.yaml', 'dataset.json'].every((name) => existsSync(path.join(one, name))),
  )
  if (folder === undefined) return () => undefined
  const key = (site: string, id: string) => JSON.stringify([site, id])
  const splits = new Map(
    readRecord(path.join(folder, 'dataset.json')).rows.map(({ site, participant_id, split }) => [
      key(site, participant_id),
      split,
    ]),
  )
  return ({ site, id }) => splits.get(key(site, id))
}

function readRecord(file: string): DatasetRecord {
  try {
    const record = JSON.parse(readFileSync(file, 'utf8'))
    if (Array.isArray(record?.rows)) return record
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
  }
  throw new DataError('the record of the run cannot be read.', {
    file,
    fix: 'copy the run folder again, or give its model file alone',
  })
}
