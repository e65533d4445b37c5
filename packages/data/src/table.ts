import { DataError } from './errors.ts'

/** What a cell can hold when a table is written; undefined, null and NaN become `n/a`. */
export type Cell = string | number | undefined | null

/** One line of a table: its number in the file (from 1) and its cells by column; `n/a` and empty are undefined. */
export interface TableRow {
  readonly line: number
  readonly cells: Readonly<Record<string, string | undefined>>
  /** What is wrong with the line, where {@link parseTable} was asked to keep such lines. */
  readonly problem?: DataError
}

/** A tab-separated table with a header line. */
export interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly TableRow[]
}

/**
 * Reads a tab-separated table in the way of BIDS: header line, `n/a` for missing, no quoting.
 *
 * Blank lines, a byte-order mark and Windows line ends are accepted. Throws DataError, with `file` and the line,
 * for an empty table, a repeated or unnamed column and a line with another number of cells; with `keepBadRows` such a line
 * becomes a row with a `problem`.
 */
export function parseTable(
  text: string,
  file: string,
  { keepBadRows = false }: { readonly keepBadRows?: boolean } = {},
): Table {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  const headerIndex = lines.findIndex((line) => line.trim() !== '')
  if (headerIndex < 0)
    throw new DataError('The table is empty.', { file, fix: 'start it with a header line' })
  const columns = lines[headerIndex]!.split('\t').map((name) => name.trim())
  assertColumns(columns, file)
  const rows: TableRow[] = []
  for (let index = headerIndex + 1; index < lines.length; index++) {
    const text = lines[index]!
    if (text.trim() === '') continue
    const row = parseRow(text, columns, index + 1, file)
    if (row.problem !== undefined && !keepBadRows) throw row.problem
    rows.push(row)
  }
  return { columns, rows }
}

/**
 * Writes rows as a tab-separated table with a header line and a final line end.
 *
 * Throws DataError when a text cell contains a tab or a line end, which the format cannot hold.
 */
export function formatTable(
  columns: readonly string[],
  rows: readonly Readonly<Record<string, Cell>>[],
): string {
  const lines = rows.map((row) => columns.map((column) => formatCell(row[column], column)).join('\t'))
  return `${[columns.join('\t'), ...lines].join('\n')}\n`
}

function assertColumns(columns: readonly string[], file: string): void {
  if (columns.length === 1 && /[,;]/.test(columns[0]!)) {
    throw new DataError('The header line has no tabs.', { file, fix: 'save the table as tab-separated text' })
  }
  if (columns.includes('')) throw new DataError('The header line has a column without a name.', { file })
  const repeated = columns.find((name, index) => columns.indexOf(name) !== index)
  if (repeated !== undefined) throw new DataError(`The header line has two columns "${repeated}".`, { file })
}

function parseRow(text: string, columns: readonly string[], line: number, file: string): TableRow {
  const values = text.split('\t')
  const problem =
    values.length === columns.length
      ? undefined
      : new DataError(
          `Line ${line} has ${values.length} cells, but the header line names ${columns.length} columns.`,
          { file, fix: 'write n/a where a value is missing and use single tabs' },
        )
  const cells: Record<string, string | undefined> = {}
  columns.forEach((column, index) => {
    const value = values[index]?.trim() ?? ''
    cells[column] = value === '' || value === 'n/a' ? undefined : value
  })
  return { line, cells, ...(problem && { problem }) }
}

function formatCell(value: Cell, column: string): string {
  if (value === undefined || value === null || Number.isNaN(value)) return 'n/a'
  const text = String(value)
  if (/[\t\n\r]/.test(text)) {
    throw new DataError(`The value ${JSON.stringify(text)} of column ${column} has a tab or a line end.`)
  }
  return text
}
