import { TISSUES } from '@voxnorm/data'
import {
  type DatasetRecord,
  type MetricsLine,
  type Preview,
  type RunRecords,
  warmUpNotice,
} from '@voxnorm/pipeline'
import { duration } from '@voxnorm/pipeline/words'
import { type Curve, type CurveChartOptions, curveChart } from './charts/charts.ts'
import { legendHtml } from './charts/legend.ts'
import { collapseOf, collapseSentence } from './collapse.ts'
import { TISSUE_VARIABLES } from './colors.ts'
import { confusionSection, judgementsOf } from './confusion-section.ts'
import { structureDoubted } from './findings.ts'
import { escapeHtml } from './html.ts'
import { bulletList, figureGrid, renderPage, type Section, table } from './page.ts'
import { previewSections } from './preview-sections.ts'
import { findingList, trustSection } from './trust-section.ts'

const MAX_POINTS = 400

/** The report of a training. */
export function runReport({ name, config, dataset, metrics, environment, previews }: RunRecords): string {
  const warmUp = warmUpNotice(metrics, bestValidation(metrics)?.iteration)
  const judgements = judgementsOf(metrics, dataset.sites)
  // A discriminator that still waits for the end of the warm-up gives one answer, too.
  const learning = metrics.some((line) => numberOf(line, 'loss.dis', 'step').length > 0)
  const collapse = learning && judgements ? collapseOf(judgements.names, judgements.rows) : undefined
  const notices = [warmUp, collapse && collapseSentence(collapse, 'validation patches')]
  // Histograms also come together where the anatomy is lost, which is no success.
  const comparable = warmUp === undefined && !previews.some(structureDoubted)
  const sections = [
    ...noticeSection(notices.filter((notice) => notice !== undefined)),
    ...(previews.length === 0 ? [] : [trustSection(previews)]),
    ...previewSections(previews, dataset.sites),
    diceTable(metrics, dataset),
    curves(metrics, dataset),
    judgements && confusionSection(judgements, collapse),
    subjects(dataset),
    settings(config, environment),
    caveats(previews),
  ].filter((section) => section !== undefined)
  return renderPage({
    title: `Training report: ${name}`,
    subtitle: [
      `${dataset.sites.length} ${dataset.sites.length === 1 ? 'site' : 'sites'} (${dataset.sites.join(', ')})`,
      dataset.modalities.join(' + '),
      ...(typeof environment.adapter === 'string' ? [environment.adapter] : []),
    ].join(' · '),
    tiles: tiles(metrics, comparable),
    sections,
  })
}

/** What speaks against the training as a whole. */
function noticeSection(notices: readonly string[]): Section[] {
  if (notices.length === 0) return []
  const body = findingList(notices.map((text) => ({ verdict: 'doubt', text })))
  return [{ id: 'notices', title: 'What to know first', body }]
}

/** The numbers at the top; how far apart the sites are only where that is `comparable` before and after. */
function tiles(metrics: readonly MetricsLine[], comparable: boolean) {
  const last = metrics.at(-1)
  const best = bestValidation(metrics)
  const value = (key: string) => (best === undefined ? [] : numberOf(best, key))
  const result: [string, string][] = value('dice.mean').map((dice) => [
    'best mean Dice (validation)',
    dice.toFixed(3),
  ])
  const [before, after] = [...value('jsd.input'), ...value('jsd.generated')]
  if (comparable && before !== undefined && after !== undefined) {
    result.push(['difference between the sites (JSD)', `${before.toFixed(3)} → ${after.toFixed(3)}`])
  }
  if (last !== undefined) {
    result.push(
      ['epochs', String(metrics.filter(({ kind }) => kind === 'epoch').length)],
      ['iterations', String(last.iteration)],
      ['time', duration(last.time)],
    )
  }
  return result
}

function curves(metrics: readonly MetricsLine[], dataset: DatasetRecord): Section | undefined {
  const span = [0, metrics.at(-1)?.iteration ?? 1] as const
  const charts: { caption: string; body: string }[] = []
  const add = (
    caption: string,
    list: readonly Curve[],
    options: Omit<CurveChartOptions, 'x' | 'span'>,
    line?: string,
  ) => {
    const filled = list.filter(({ points }) => points.length > 0)
    if (filled.length === 0) return
    const chart = curveChart(filled, { x: 'iteration', span, ...options })
    const names = filled.map(({ name, color }) => ({ name, color, mark: 'area' as const }))
    const dashed = line === undefined ? [] : [{ name: line, color: 'currentColor', mark: 'dashed' as const }]
    charts.push({ caption, body: legendHtml([...names, ...dashed]) + chart })
  }
  const curve = (name: string, key: string, color: string, kind: MetricsLine['kind']): Curve => ({
    name,
    color,
    points: series(metrics, key, kind),
  })
  add(
    'Segmentation loss: lower is better',
    [
      curve('training', 'loss.seg', 'var(--site1)', 'step'),
      curve('validation', 'loss.val', 'var(--site2)', 'validation'),
    ],
    { y: 'loss' },
  )
  add(
    'Dice per tissue on the validation set: higher is better',
    [
      ...TISSUES.map((tissue) => curve(tissue, `dice.${tissue}`, TISSUE_VARIABLES[tissue], 'validation')),
      curve('mean', 'dice.mean', 'currentColor', 'validation'),
    ],
    { y: 'Dice', range: [0, 1] },
  )
  add(
    'Discriminator and adversarial loss',
    [
      curve('real patches', 'loss.dis.real', 'var(--site1)', 'step'),
      curve('generated patches', 'loss.dis.fake', 'var(--site2)', 'step'),
      curve('adversarial term of the generator', 'loss.adv', 'var(--site3)', 'step'),
    ],
    { y: 'loss' },
  )
  add(
    'Accuracy of the discriminator on validation patches, real and generated',
    [curve('validation', 'dis.accuracy', 'var(--site1)', 'validation')],
    { y: 'accuracy', range: [0, 1], reference: 0.5 },
    'of a discriminator that calls everything generated',
  )
  const divergences = [
    curve('input', 'jsd.input', 'var(--site2)', 'validation'),
    curve('normalised', 'jsd.generated', 'var(--site1)', 'validation'),
  ]
  const largest = Math.max(...divergences.flatMap(({ points }) => points.map(({ y }) => y)))
  add(
    `Difference between the sites (Jensen-Shannon divergence in nats, at most ${Math.log(Math.max(2, dataset.sites.length)).toFixed(3)}): lower means more alike`,
    divergences,
    { y: 'JSD', range: [0, 1.1 * largest] },
  )
  if (charts.length === 0) return undefined
  const warmup = metrics.findLast((line) => numberOf(line, 'loss.identity', 'step').length > 0)?.iteration
  const note =
    warmup === undefined
      ? ''
      : `<p class="note">During the first ${warmup} iterations the generator learns to give back its input, and the discriminator waits.</p>`
  return { id: 'curves', title: 'Learning curves', body: note + figureGrid(charts) }
}

function diceTable(metrics: readonly MetricsLine[], dataset: DatasetRecord): Section | undefined {
  const best = bestValidation(metrics)
  if (best === undefined) return undefined
  const cell = (key: string) => numberOf(best, key)[0]?.toFixed(3) ?? 'n/a'
  const rows = [
    ...dataset.sites.map((site) => [`mean of the tissues, ${site}`, cell(`dice.site.${site}`)]),
    ...TISSUES.map((tissue) => [`${tissue}, all sites`, cell(`dice.${tissue}`)]),
    ['mean, all sites', cell('dice.mean')],
  ].filter(([, text]) => text !== 'n/a')
  const note = `<p class="note">Validation set at the best iteration (${best.iteration}).</p>`
  return { id: 'dice', title: 'Dice per site', body: table(['', 'Dice'], rows) + note }
}

function subjects(dataset: DatasetRecord): Section {
  const splits = ['train', 'validation', 'test']
  const rows = dataset.sites.map((site) => {
    const own = dataset.rows.filter((row) => row.site === site)
    return [
      site,
      ...splits.map((split) => String(own.filter((row) => row.split === split).length)),
      String(own.length),
    ]
  })
  return { id: 'data', title: 'Data', body: table(['site', ...splits, 'all'], rows) }
}

function settings(config: string, environment: Readonly<Record<string, unknown>>): Section {
  const block = (title: string, text: string) =>
    `<details><summary>${title}</summary><pre>${escapeHtml(text)}</pre></details>`
  return {
    id: 'config',
    title: 'Settings',
    body:
      block('config.resolved.yaml', config) + block('environment.json', JSON.stringify(environment, null, 2)),
  }
}

function caveats(previews: readonly Preview[]): Section {
  const sentences = [
    'Dice during training is measured on the validation set; only the test subjects tell how the model does on new data.',
    'Few subjects per site: differences of a few hundredths are within the noise. Train with several seeds before comparing methods.',
    'The discriminator shown here takes part in training. Its accuracy does not prove that sites are indistinguishable; an independent classifier would.',
    'Histograms that agree do not prove that anatomy is kept. Look at the images before and after, and at structures such as lesions.',
    'The structure index was measured on the few subjects shown. A prediction measures it for every scan.',
    'Sites that were not in the training data may be normalised badly.',
  ]
  if (previews.length === 0)
    sentences.push('This run stored no previews, so there are no images and histograms here.')
  return { id: 'caveats', title: 'How to read this', body: bulletList(sentences) }
}

/** Points of a series; long ones are averaged in equal stretches, which also shows the trend of noisy steps. */
function series(metrics: readonly MetricsLine[], key: string, kind: MetricsLine['kind']): Curve['points'] {
  const points = metrics.flatMap((line) => numberOf(line, key, kind).map((y) => ({ x: line.iteration, y })))
  const size = Math.ceil(points.length / MAX_POINTS)
  if (size <= 1) return points
  return Array.from({ length: Math.ceil(points.length / size) }, (_, index) => {
    const part = points.slice(index * size, (index + 1) * size)
    const mean = (pick: (point: { x: number; y: number }) => number) =>
      part.reduce((sum, point) => sum + pick(point), 0) / part.length
    return { x: mean(({ x }) => x), y: mean(({ y }) => y) }
  })
}

function bestValidation(metrics: readonly MetricsLine[]): MetricsLine | undefined {
  let best: MetricsLine | undefined
  for (const line of metrics) {
    const [dice] = numberOf(line, 'dice.mean', 'validation')
    if (dice !== undefined && dice > (best === undefined ? -1 : numberOf(best, 'dice.mean')[0]!)) best = line
  }
  return best
}

/** The value of a field as a list of one, or of none when it is missing, not a number, or of another kind of line. */
function numberOf(line: MetricsLine, key: string, kind?: MetricsLine['kind']): number[] {
  if (kind !== undefined && line.kind !== kind) return []
  const value = line[key]
  return typeof value === 'number' && Number.isFinite(value) ? [value] : []
}
