import { type Preview, type TrustRow, trustRows } from '@voxnorm/pipeline'
import { type Finding, findings } from './findings.ts'
import { escapeHtml } from './html.ts'
import { type Section, table } from './page.ts'

// Signs as well as colours: not every reader sees colours, and not every printer has them.
const SIGNS = {
  good: ['✓', 'good'],
  doubt: ['!', 'look at this'],
  unknown: ['?', 'unknown'],
} as const satisfies Record<Finding['verdict'], readonly [string, string]>

/** The section that pages of images begin with: what speaks for and against the images, and the numbers behind it. */
export function trustSection(previews: readonly Preview[], further: readonly Finding[] = []): Section {
  return {
    id: 'trust',
    title: 'Is the anatomy kept?',
    body: findingList([...further, ...findings(previews)]) + numbers(previews),
  }
}

/** Findings as a list, each with the sign of its verdict. */
export function findingList(list: readonly Finding[]): string {
  const items = list.map(({ verdict, text }) => {
    const [sign, meaning] = SIGNS[verdict]
    return `<li class="${verdict}"><b role="img" aria-label="${meaning}">${sign}</b><span>${escapeHtml(text)}</span></li>`
  })
  return `<ul class="findings">${items.join('')}</ul>`
}

/** All measures of an only scan, and one row of the chief ones for each of several. */
function numbers(previews: readonly Preview[]): string {
  const judged = previews.flatMap(({ participant, trust }) => (trust ? [{ participant, trust }] : []))
  if (judged.length === 0) return ''
  const [only] = judged
  const body =
    previews.length === 1
      ? `<div class="measures">${table(['measure', 'value', 'how to read it'], trustRows(only!.trust).map(measureRow))}</div>`
      : `<div class="measures">${table(COLUMNS, judged.map(scanRow))}</div>`
  return `<details><summary>The numbers</summary>${body}</details>`
}

const COLUMNS = [
  'scan',
  'structure index',
  'SSIM',
  'edges',
  'seams',
  'lowest Dice of a tissue',
  'largest volume change',
  'unlike training',
  'nearest site',
]

function scanRow({ participant, trust }: { participant: string; trust: NonNullable<Preview['trust']> }) {
  const { structure, classical, likeness } = trust
  const changes = classical.volumeChange ? Object.values<number>({ ...classical.volumeChange }) : []
  const largest = changes.reduce((most, one) => (Math.abs(one) > Math.abs(most) ? one : most), 0)
  return [
    participant,
    number(structure?.structureIndex, 3),
    number(structure?.ssim, 3),
    number(structure?.edgeF1, 3),
    number(structure?.seamIndex, 2),
    number(classical.dice && Math.min(...Object.values<number>({ ...classical.dice })), 3),
    changes.length === 0 ? 'n/a' : `${number(largest, 1)} %`,
    likeness === undefined ? 'n/a' : `${number(likeness.percentile, 0)} %`,
    likeness?.nearestSite ?? 'n/a',
  ]
}

function measureRow({ measure, value, meaning }: TrustRow): string[] {
  return [measure.replaceAll('_', ' '), String(value), meaning]
}

/** JSON knows no NaN: a measure that could not be taken is null there. */
function number(value: number | null | undefined, digits: number): string {
  return typeof value === 'number' && Number.isFinite(value) ? value.toFixed(digits) : 'n/a'
}
