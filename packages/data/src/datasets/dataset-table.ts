import { DataError } from '../errors.ts'
import { isImageName } from '../image/names.ts'
import { parseTable, type Table, type TableRow } from '../table.ts'
import { type Dataset, makeDataset, SPLITS, type Split, type Subject } from './dataset.ts'

const OTHER_COLUMNS = ['participant_id', 'session_id', 'site', 'label', 'mask', 'split']

/**
 * Reads the text of a `dataset.tsv`; the paths stay as written, relative to the table.
 *
 * Every column that names image files is a modality; further columns such as `age` are ignored. A row with
 * missing cells or an unknown split becomes a subject with a `problem` that names the line. `site` is that of rows
 * that name none; without it they cannot be used. Throws DataError for missing columns and participants that occur twice.
 */
export function parseDatasetTable(text: string, file: string, site?: string): Dataset {
  const table = parseTable(text, file, { keepBadRows: true })
  for (const column of ['participant_id', ...(site === undefined ? ['site'] : [])]) {
    if (!table.columns.includes(column)) {
      throw new DataError(`The table has no column ${column}.`, {
        file,
        fix: 'the columns are participant_id, site, one per modality such as T1w, and label, mask, split',
      })
    }
  }
  const modalities = modalityColumns(table)
  if (modalities.length === 0) {
    throw new DataError('No column of the table names image files.', {
      file,
      fix: 'add a column per modality, for example T1w, with paths relative to the table',
    })
  }
  const subjects = table.rows.map((row) => readRow(row, modalities, file, site))
  return makeDataset(file, subjects)
}

/** Columns in which at least one cell ends like an image file, in the order of the table. */
function modalityColumns(table: Table): string[] {
  return table.columns.filter(
    (column) =>
      !OTHER_COLUMNS.includes(column) && table.rows.some((row) => isImageName(row.cells[column] ?? '')),
  )
}

/** A row that cannot be used is a subject with a `problem`, so that the others can. */
function readRow(
  row: TableRow,
  modalities: readonly string[],
  file: string,
  otherwise: string | undefined,
): Subject {
  try {
    if (row.problem !== undefined) throw row.problem
    return parseSubject(row, modalities, file, otherwise)
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    const { participant_id: participant = `line ${row.line}`, session_id: session, site = 'n/a' } = row.cells
    return {
      id: session === undefined ? participant : `${participant}_${session}`,
      site,
      images: {},
      problem: error,
    }
  }
}

function parseSubject(
  row: TableRow,
  modalities: readonly string[],
  file: string,
  otherwise: string | undefined,
): Subject {
  const { line, cells } = row
  const participant = requireCell(row, 'participant_id', file)
  const site = cells['site'] ?? otherwise ?? requireCell(row, 'site', file)
  const images: Record<string, string> = {}
  for (const modality of modalities) {
    const path = cells[modality]
    if (path !== undefined) images[modality] = path
  }
  if (Object.keys(images).length === 0) {
    throw new DataError(`Line ${line} (${participant}) has no image.`, { file })
  }
  const { label, mask, session_id: session } = cells
  const split = parseSplit(cells['split'], file, `Line ${line} (${participant})`)
  return {
    id: session === undefined ? participant : `${participant}_${session}`,
    site,
    images,
    ...(label === undefined ? {} : { label }),
    ...(mask === undefined ? {} : { mask }),
    ...(split === undefined ? {} : { split }),
  }
}

function requireCell({ line, cells }: TableRow, column: string, file: string): string {
  const value = cells[column]
  if (value !== undefined) return value
  throw new DataError(`Line ${line} has no ${column}.`, { file })
}

/** Checks a word of a `split` column; `where` starts the error sentence. Throws DataError for other words. */
export function parseSplit(word: string | undefined, file: string, where: string): Split | undefined {
  if (word === undefined) return undefined
  const split = SPLITS.find((known) => known === word)
  if (split !== undefined) return split
  throw new DataError(`${where} has the split "${word}".`, { file, fix: `use ${SPLITS.join(', ')} or n/a` })
}
