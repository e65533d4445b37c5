import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { OutputError } from '@voxnorm/data'
import { HARMONIZATION_COLUMNS } from '../evaluation/harmonization.ts'
import { SEGMENTATION_COLUMNS } from '../evaluation/segmentation.ts'
import { FAILURE_COLUMNS } from '../failures.ts'
import { assertFreeForOutput, isPredictionFolder, isRawDataset } from './output-folder.ts'

/** The tables of `evaluate` and the columns by which they are known. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  'segmentation.tsv': SEGMENTATION_COLUMNS,
  'harmonization.tsv': HARMONIZATION_COLUMNS,
  'failures.tsv': FAILURE_COLUMNS,
}

/**
 * Throws OutputError unless `evaluate` may write its tables into a folder: a new or empty one, one that `predict` or
 * `evaluate` made, or the folder of the predictions itself, whoever made it, if no file there has to give way and it is
 * no dataset of scans.
 */
export function assertFreeForScores(folder: string, predictions: string, reference: string): void {
  const ownPlace = path.resolve(folder) === path.resolve(predictions)
  assertFreeForOutput(folder, {
    inputs: [reference],
    isOwn: (place) => isPredictionFolder(place) || isScored(place) || (ownPlace && !isRawDataset(place)),
  })
  const inTheWay = [...Object.keys(TABLES), 'summary.json']
    .map((name) => path.join(folder, name))
    .find((file) => existsSync(file) && !isOurs(file))
  if (inTheWay === undefined) return
  throw new OutputError('this file is in the way, and nothing says that voxnorm made it.', {
    file: inTheWay,
    fix: 'choose another folder for the scores with -o, or move the file away',
  })
}

/** Whether `evaluate` wrote into a folder. Its first table tells; nnU-Net writes a summary.json of the same form. */
function isScored(folder: string): boolean {
  return isOurs(path.join(folder, 'segmentation.tsv'))
}

function isOurs(file: string): boolean {
  const columns = TABLES[path.basename(file)]
  if (columns === undefined) return isScored(path.dirname(file))
  if (!existsSync(file)) return false
  // Earlier versions wrote the first of these columns.
  const [header = ''] = readFileSync(file, 'utf8').split('\n', 1)
  return header.split('\t').length > 2 && columns.join('\t').startsWith(header)
}
