import { existsSync, readFileSync } from 'node:fs'
import { parseTable, STRUCTURE_LIMIT } from '@voxnorm/data'

/**
 * How many predictions do not keep the structure, by the tables of trust that `predict` wrote beside the given
 * segmentations. Predictions without such a table are not counted.
 */
export function countChanged(segmentations: readonly string[]): number {
  return segmentations.filter((segmentation) => {
    const file = segmentation.replace(/_dseg\.nii(\.gz)?$/, '_trust.tsv')
    if (file === segmentation || !existsSync(file)) return false
    const { rows } = parseTable(readFileSync(file, 'utf8'), file)
    const row = rows.find(({ cells }) => cells.measure === 'structure_index')
    return row !== undefined && Number(row.cells.value) < STRUCTURE_LIMIT
  }).length
}
