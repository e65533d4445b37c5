import { type Section, table } from '@voxnorm/report'
import { comparisonChart } from '../figures/comparison.ts'
import type { TissueValues } from '../published.ts'
import type { Score } from '../results/aggregate.ts'
import type { Results } from '../results/results.ts'
import { CAVEATS } from './caveats.ts'
import { figure, interval, note, number, signed } from './cells.ts'
import { gameBody } from './game.ts'

const METHOD_NAMES = {
  baseline: 'no normalisation',
  standardization: 'standardization',
  nyul: 'Nyúl histogram',
  'white-stripe': 'WhiteStripe',
  preprocessor: 'Pre-processor (λ = 0)',
  ours: 'ours',
} as const
const SETTING_NAMES = { dual: 'two sites', multi: 'all sites' } as const

/** The sections of the paper's tables that have rows: our value, the published one, the difference, the caveat. */
export function tableSections(results: Results): Section[] {
  const sections: (Section | undefined)[] = [
    section('table2', 'Table 2: segmenters of a single site', results.table2.length, () => table2(results)),
    section('table3', 'Table 3: one network for all sites', results.table3.length, () => table3(results)),
    section('table4', 'Table 4: how far apart the sites are', results.table4.length, () => table4(results)),
    section('table5', 'Table 5: a second modality', results.table5.length, () => table5(results)),
    section('table6', 'Table 6: bias fields', results.table6.length, () => table6(results)),
    section('table7', 'Table 7: the weight of the adversarial term', results.table7.length, () =>
      table7(results),
    ),
    section('game', 'The adversarial game', results.game.length, () => gameBody(results.game)),
  ]
  return sections.filter((one) => one !== undefined)
}

function section(id: string, title: string, rows: number, body: () => string): Section | undefined {
  return rows === 0 ? undefined : { id, title, body: body() }
}

/** Mean Dice with its interval, the published mean, and the tissues. */
const diceColumns = ['CSF', 'GM', 'WM', 'mean', '95 % interval', 'published', 'difference', 'over seeds ±']
const diceCells = (score: Score, published: TissueValues | null | undefined) => [
  number(score.CSF),
  number(score.GM),
  number(score.WM),
  number(score.mean),
  interval(score),
  number(published?.mean),
  signed(score.mean, published?.mean),
  number(score.seedDeviation),
]

function table2({ table2: rows }: Results): string {
  const chart = comparisonChart({
    title: 'Mean Dice of a segmenter that learnt from one site',
    x: 'mean Dice',
    rows: rows.map((row) => ({ name: `${row.train} → ${row.test}`, ...dot(row, row.published?.mean) })),
  })
  return (
    note(CAVEATS.table2) +
    figure(chart) +
    table(
      ['trained on', 'tested on', ...diceColumns],
      rows.map((row) => [row.train, row.test, ...diceCells(row, row.published)]),
    )
  )
}

function table3({ table3: rows, comparisons }: Results): string {
  const chart = comparisonChart({
    title: 'Mean Dice by method',
    x: 'mean Dice',
    rows: rows.map((row) => ({
      name: `${METHOD_NAMES[row.method]}, ${SETTING_NAMES[row.setting]}`,
      ...dot(row.DSC, row.published?.DSC.mean),
    })),
  })
  const distances = table(
    ['setting', 'method', 'MHD (mm)', 'assd (mm)', 'published "MHD"', 'assd − published'],
    rows.map((row) => [
      SETTING_NAMES[row.setting],
      METHOD_NAMES[row.method],
      number(row.MHD.mean, 2),
      number(row.assd.mean, 3),
      number(row.published?.MHD.mean),
      signed(row.assd.mean, row.published?.MHD.mean),
    ]),
  )
  const tests = table(
    ['setting', 'first', 'second', 'difference of Dice', 'p', 'p (Holm)', 'subjects'],
    comparisons.map((row) => [
      SETTING_NAMES[row.setting],
      METHOD_NAMES[row.first],
      METHOD_NAMES[row.second],
      number(row.difference),
      number(row.p),
      number(row.adjusted),
      String(row.subjects),
    ]),
  )
  return (
    figure(chart) +
    table(
      ['setting', 'method', ...diceColumns],
      rows.map((row) => [
        SETTING_NAMES[row.setting],
        METHOD_NAMES[row.method],
        ...diceCells(row.DSC, row.published?.DSC),
      ]),
    ) +
    `<h3>Distances of the surfaces</h3>${note(CAVEATS.table3)}${distances}` +
    `<h3>Pairs of methods</h3>${note("Wilcoxon's signed-rank test on the mean Dice of each test subject, corrected by Holm over the pairs of a setting.")}${tests}`
  )
}

function table4({ table4: rows }: Results): string {
  const stages = ['input', 'preprocessor', 'ours'] as const
  const lines = rows.flatMap((row) =>
    stages.map((stage) => [
      row.domains.join(', '),
      stage === 'input' ? 'input' : METHOD_NAMES[stage],
      number(row[stage]),
      number(row.bound),
      number(stage === 'input' ? undefined : row.structureIndex[stage]),
      number(row.legacy[stage], 4),
      String(row.legacy.images),
      number(row.published[stage], 4),
      signed(row.legacy[stage], row.published[stage], 4),
    ]),
  )
  const columns = [
    'sites',
    'images',
    'JSD (nats)',
    'bound',
    'structure index',
    'legacy',
    'images counted',
    'published',
    'legacy − published',
  ]
  return note(CAVEATS.table4) + table(columns, lines)
}

function table5({ table5: rows }: Results): string {
  return (
    note(CAVEATS.table5) +
    table(
      ['modalities', ...diceColumns, 'assd (mm)', 'published "MHD"', 'assd − published'],
      rows.map((row) => [
        row.modality.join(' + '),
        ...diceCells(row.DSC, row.published?.DSC),
        number(row.assd.mean),
        number(row.published?.MHD.mean),
        signed(row.assd.mean, row.published?.MHD.mean),
      ]),
    )
  )
}

function table6({ table6: rows }: Results): string {
  const columns = [
    'site',
    'α',
    'degraded',
    'normalised',
    'published degraded',
    'difference',
    'published normalised',
    'difference',
    'whole brain degraded',
    'whole brain normalised',
  ]
  return (
    note(CAVEATS.table6) +
    table(
      columns,
      rows.map((row) => [
        row.site,
        row.alpha === 0 ? 'original' : String(row.alpha),
        number(row.degraded),
        number(row.normalized),
        number(row.published?.degraded),
        signed(row.degraded, row.published?.degraded),
        number(row.published?.normalized),
        signed(row.normalized, row.published?.normalized),
        number(row.degradedVolume),
        number(row.normalizedVolume),
      ]),
    )
  )
}

function table7({ table7: rows }: Results): string {
  const columns = [
    'λ',
    'used λ',
    'mean Dice',
    '95 % interval',
    'published',
    'difference',
    'over seeds ±',
    'D on training patches (%)',
    'published',
    'difference',
    'D on test patches (%)',
    'published',
    'difference',
  ]
  return (
    note(CAVEATS.table7) +
    table(
      columns,
      rows.map((row) => [
        String(row.lambda),
        number(row.usedLambda),
        number(row.meanDSC),
        interval(row),
        number(row.published.meanDSC),
        signed(row.meanDSC, row.published.meanDSC),
        number(row.seedDeviation),
        number(row.accTrain, 1),
        number(row.published.accTrain, 2),
        signed(row.accTrain, row.published.accTrain, 1),
        number(row.accTest, 1),
        number(row.published.accTest, 2),
        signed(row.accTest, row.published.accTest, 1),
      ]),
    )
  )
}

const dot = (score: Score, published: number | undefined) => ({
  ours: score.mean,
  ...(published === undefined ? {} : { published }),
  ...(Number.isFinite(score.low) ? { low: score.low, high: score.high } : {}),
})
