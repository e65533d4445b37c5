import { DataError } from '../errors.ts'
import { type LabelMap, labelConvention, segmentationRows, type TissueClass } from '../labels.ts'
import { parseTable, type TableRow } from '../table.ts'
import { tissueNamed } from '../tissue-names.ts'

/** Classes by their number in the standard table of BIDS, to which the column `mapping` refers. */
const STANDARD: ReadonlyMap<string, TissueClass> = new Map(
  segmentationRows(labelConvention('bids')).map(({ index, abbreviation }) => [String(index), abbreviation]),
)

/**
 * The label numbers that a `dseg.tsv` of BIDS tells (columns `index` and one of `abbreviation`, `name`, `mapping`).
 *
 * Numbers of structures that are no tissue are left out: a label map that has them does not fit. Throws DataError, with
 * `file`, for a table that does not give the number of each tissue.
 */
export function parseLabelTable(text: string, file: string): LabelMap {
  const map: Partial<Record<TissueClass, number[]>> = {}
  for (const row of parseTable(text, file).rows) {
    const tissue = tissueOf(row)
    if (tissue !== undefined) map[tissue] = [...(map[tissue] ?? []), Number(row.cells['index'])]
  }
  const lists = [map.CSF, map.GM, map.WM].map((numbers) => numbers ?? [])
  if (lists.every((numbers) => numbers.length > 0) && Object.values(map).flat().every(Number.isInteger)) {
    return map
  }
  throw new DataError('The table does not give the numbers of CSF, GM and WM.', {
    file,
    fix: 'name the convention',
    remedy: 'label-table',
  })
}

function tissueOf({ cells }: TableRow): TissueClass | undefined {
  const { abbreviation, name, mapping } = cells
  return tissueNamed(abbreviation ?? '') ?? tissueNamed(name ?? '') ?? STANDARD.get(mapping ?? '')
}
