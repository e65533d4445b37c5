import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type LabelSpecification, parseLabelTable } from '@voxnorm/data'
import { openStatedLabels, type StatedLabels } from '@voxnorm/data/node'

/**
 * Opens a look-up of the label numbers of the files in a prediction folder: what stands beside or above the file (see
 * {@link openStatedLabels}), else the `dseg.tsv` that `predict` writes into the folder. Undefined where nothing says it.
 * Throws DataError for a table that does not give the number of each tissue.
 */
export function openPredictedLabels(folder: string): StatedLabels {
  const statedLabels = openStatedLabels()
  const table = path.join(folder, 'dseg.tsv')
  return (file): LabelSpecification | undefined =>
    statedLabels(file) ??
    (existsSync(table) ? parseLabelTable(readFileSync(table, 'utf8'), table) : undefined)
}
