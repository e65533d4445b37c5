import { duration } from '@voxnorm/pipeline/words'
import { bulletList, escapeHtml, renderPage, type Section } from '@voxnorm/report'
import type { Experiment, Study } from '../experiments.ts'
import type { Measurement } from '../measurement/records.ts'
import { PAPER_SITES } from '../published.ts'
import type { Finding } from '../results/findings.ts'
import type { Results } from '../results/results.ts'
import type { Budget } from '../scale.ts'
import type { Cohort } from '../subjects.ts'
import type { Beginning } from '../workspace.ts'
import { GENERAL_CAVEATS } from './caveats.ts'
import { figure } from './cells.ts'
import type { Figure } from './draw-figures.ts'
import { tableSections } from './page-tables.ts'
import { trustSection } from './trust.ts'

/** What results are written about. */
export interface Reproduced {
  readonly experiments: readonly Experiment[]
  readonly study: Study
  readonly cohort: Cohort
  readonly budget: Budget
  readonly beginning: Beginning
}

/** report.html of a reproduction. Trust comes first: normalised images are worth something only if anatomy survives. */
export function reproductionPage(
  reproduced: Reproduced,
  results: Results,
  found: readonly Finding[],
  figures: readonly Figure[],
  measurements: readonly Measurement[],
): string {
  const { study, beginning, experiments } = reproduced
  const follows = found.filter(({ verdict }) => verdict === 'follows').length
  const judged = found.filter(({ verdict }) => verdict !== 'noted').length
  const seconds = measurements.reduce((sum, one) => sum + one.seconds, 0)
  const sections: (Section | undefined)[] = [
    trustSection(results.trust, study.sites),
    findingsSection(found),
    scaleSection(reproduced, measurements),
    ...tableSections(results),
    figuresSection(figures),
    { id: 'caveats', title: 'How to read this', body: bulletList(GENERAL_CAVEATS) },
  ]
  return renderPage({
    title: "The paper's experiments, repeated",
    subtitle: `${study.sites.join(', ')} · ${beginning.adapter} · budget ${beginning.budget}`,
    tiles: [
      ['findings that follow the paper', `${follows} of ${judged}`],
      ['experiments', String(experiments.length)],
      ['trainings', String(measurements.length)],
      ['time of training', duration(seconds)],
      ['seeds', String(study.seeds.length)],
    ],
    sections: sections.filter((section) => section !== undefined),
  })
}

function findingsSection(found: readonly Finding[]): Section | undefined {
  if (found.length === 0) return undefined
  const group = (verdict: Finding['verdict'], title: string) => {
    const own = found.filter((finding) => finding.verdict === verdict)
    return own.length === 0 ? '' : `<h3>${title}</h3>${bulletList(own.map(({ sentence }) => sentence))}`
  }
  const body =
    group('follows', 'As in the paper') +
    group('differs', 'Not as in the paper') +
    group('noted', 'What the paper does not say')
  return { id: 'findings', title: 'What was found', body }
}

/** What the budget was turned into, in words: without it no number here can be judged. */
function scaleSection(
  { budget, study, cohort, beginning }: Reproduced,
  measurements: readonly Measurement[],
): Section {
  const { scale, iterations } = budget
  const { model, data, train, inference } = scale.config
  const counts = study.sites.map((site) => {
    const of = (split: string) =>
      cohort.subjects.filter((subject) => subject.site === site && subject.split === split).length
    const role = PAPER_SITES[study.sites.indexOf(site)]
    return `${site}${role === undefined ? '' : ` (in the role of ${role})`}: ${of('train')} subjects to train, ${of('validation')} to validate, ${of('test')} to test.`
  })
  const trained = measurements.map((one) => one.iterations)
  const paper =
    'The paper trains networks of width 32 on patches of 32³ at 1 mm with batches of 72 for 120 epochs (70 with three sites), about 133,000 iterations.'
  const sentences = [
    iterations === undefined
      ? `Full budget: networks of width ${model.base}, patches of ${data.patch}³ at ${data.voxelSize} mm, batches of ${train.batch}. ${paper}`
      : `Budget ${beginning.budget}: networks of width ${model.base}, patches of ${data.patch}³ at ${data.voxelSize} mm, batches of ${train.batch}, ${Math.max(0, ...trained)} iterations for every training, whatever its cost. ${paper}`,
    ...(scale.lambdaFactor === 1
      ? []
      : [
          `The loss is the authors' Dice loss per class, which trains small networks better than Eq. (1); its gradient is a quarter as large, so λ is multiplied with ${scale.lambdaFactor}.`,
        ]),
    `At most ${Number.isFinite(scale.testSubjects) ? scale.testSubjects : 'all'} test subjects of a site, windows ${inference.stride} voxels apart.`,
    ...counts,
  ]
  // The page is made to be shown around; where the data lies on this machine is nobody's business.
  const { table: _table, ...shown } = data
  const settings = JSON.stringify({ ...scale.config, data: shown }, null, 2)
  const started = `<details><summary>Settings</summary><pre>${escapeHtml(settings)}</pre></details>`
  return { id: 'scale', title: 'At what scale', body: bulletList(sentences) + started }
}

function figuresSection(figures: readonly Figure[]): Section | undefined {
  if (figures.length === 0) return undefined
  const items = figures.map(
    ({ number, svg, caption }) =>
      `<figure id="figure${number}">${figure(svg)}<figcaption>Figure ${number}</figcaption><p class="note">${escapeHtml(caption)}</p></figure>`,
  )
  return { id: 'figures', title: 'Figures', body: `<div class="figures wide">${items.join('')}</div>` }
}
