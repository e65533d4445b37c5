import { type Cell, formatTable } from '@voxnorm/data'
import type { Experiment, Study } from '../experiments.ts'
import type { Examination } from '../measurement/records.ts'
import type { Measured } from './aggregate.ts'
import { type Comparison, comparisons } from './comparisons.ts'
import { type GameRow, gameRows } from './game.ts'
import {
  type Row2,
  type Row3,
  type Row4,
  type Row5,
  type Row6,
  type Row7,
  table2,
  table3,
  table4,
  table5,
  table6,
  table7,
} from './tables.ts'
import { type TrustRow, trustRows } from './trust-rows.ts'

/** results.json: our values beside the published ones. Experiments that were not asked for have no rows. */
export interface Results {
  readonly table2: readonly Row2[]
  readonly table3: readonly Row3[]
  readonly table4: readonly Row4[]
  readonly table5: readonly Row5[]
  readonly table6: readonly Row6[]
  readonly table7: readonly Row7[]
  readonly game: readonly GameRow[]
  readonly trust: readonly TrustRow[]
  readonly comparisons: readonly Comparison[]
}

/** Puts together what the experiments asked for. */
export function resultsOf(
  experiments: readonly Experiment[],
  study: Study,
  measured: Measured,
  lambdaFactor: number,
  examination: Examination | undefined,
): Results {
  const only = <T>(experiment: Experiment, make: () => T[]): T[] =>
    experiments.includes(experiment) ? make() : []
  return {
    table2: only('table2', () => table2(study, measured)),
    table3: only('table3', () => table3(study, measured)),
    table4: only('table4', () => table4(study, measured)),
    table5: only('table5', () => table5(study, measured)),
    table6: only('table6', () => table6(study, measured)),
    table7: only('table7', () => table7(study, measured, lambdaFactor)),
    game: only('game', () => gameRows(study, measured)),
    trust: only('trust', () => trustRows(study, measured, examination)),
    comparisons: only('table3', () => comparisons(study, measured)),
  }
}

/** results.json as text; NaN, which JSON lacks, becomes null. */
export const resultsText = (document: Results & { readonly findings: readonly object[] }): string =>
  `${JSON.stringify(document, (_key, value: unknown) => (typeof value === 'number' ? rounded(value) : value), 2)}\n`

/** A table of results as rows of cells: nested values become columns such as `DSC_mean` and `published_mean`. */
export function tableText(rows: readonly object[]): string {
  const flat = rows.map((row) => flatten(row))
  const columns = [...new Set(flat.flatMap((row) => Object.keys(row)))]
  return formatTable(
    columns,
    flat.map((row) => Object.fromEntries(columns.map((column) => [column, row[column] ?? Number.NaN]))),
  )
}

function flatten(value: object, prefix = ''): Record<string, Cell> {
  const cells: Record<string, Cell> = {}
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null || inner === undefined) continue
    if (typeof inner === 'number') cells[prefix + key] = rounded(inner) ?? Number.NaN
    else if (typeof inner === 'string') cells[prefix + key] = inner
    else if (Array.isArray(inner) && inner.every((one) => typeof one === 'string'))
      cells[prefix + key] = inner.join('+')
    // A confusion matrix has no place in a table of rows.
    else if (!Array.isArray(inner)) Object.assign(cells, flatten(inner as object, `${prefix}${key}_`))
  }
  return cells
}

/** Six digits: more would pretend to a precision that no such measurement has. */
const rounded = (value: number): number | null =>
  Number.isFinite(value) ? Number(value.toPrecision(6)) : null
