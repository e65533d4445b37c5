import { type Section, table } from '@voxnorm/report'
import type { TrustRow } from '../results/trust-rows.ts'
import { interval, note, number } from './cells.ts'

/** The measures of trust; one row each, the sites in columns. */
export function trustSection(rows: readonly TrustRow[], sites: readonly string[]): Section | undefined {
  if (rows.length === 0) return undefined
  const measures = [...new Set(rows.map(({ measure }) => measure))]
  const lines = measures.map((measure) => {
    const own = rows.filter((row) => row.measure === measure)
    const { ideal, meaning } = own[0]!
    const cells = sites.map((site) => {
      const row = own.find((one) => one.site === site)
      if (row === undefined) return 'n/a'
      return Number.isFinite(row.low) ? `${number(row.value)} (${interval(row)})` : number(row.value)
    })
    return [
      measure,
      ...cells,
      ideal,
      measure.startsWith('Dice when') ? 'trained on all other sites' : meaning,
    ]
  })
  const body =
    note(
      'Of the model that learnt from all sites, on test subjects, with 95 % bootstrap intervals where there are several. Normalised images are of use only if these hold.',
    ) + table(['measure', ...sites, 'nothing wrong', 'what it says'], lines)
  return { id: 'trust', title: 'Is the anatomy kept?', body }
}
