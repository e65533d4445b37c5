import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { DataError, type LabelMap, parseTable } from '@voxnorm/data'

/**
 * The label numbers of a prediction folder, as the `dseg.tsv` tells them that `predict` writes into it; undefined in a
 * folder without that table. Throws DataError for a table that lacks the background or a tissue.
 */
export function predictedLabels(folder: string): LabelMap | undefined {
  const file = path.join(folder, 'dseg.tsv')
  if (!existsSync(file)) return undefined
  const { rows } = parseTable(readFileSync(file, 'utf8'), file)
  const numbersOf = (tissue: string) =>
    rows.filter(({ cells }) => cells.abbreviation === tissue).map(({ cells }) => Number(cells.index))
  const map = { BG: numbersOf('BG'), CSF: numbersOf('CSF'), GM: numbersOf('GM'), WM: numbersOf('WM') }
  if (Object.values(map).every((numbers) => numbers.length > 0 && numbers.every(Number.isInteger))) return map
  throw new DataError('the table does not give the numbers of BG, CSF, GM and WM.', {
    file,
    fix: 'name the convention of the predictions with --label-convention',
  })
}
