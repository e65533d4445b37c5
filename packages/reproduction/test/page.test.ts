import { PRESETS } from '@voxnorm/pipeline/training'
import { describe, expect, it } from 'vitest'
import { EXPERIMENTS, keyOf, type Run, runsOf } from '../src/experiments.ts'
import { drawFigures } from '../src/page/draw-figures.ts'
import { type Reproduced, reproductionPage } from '../src/page/page.ts'
import { findings } from '../src/results/findings.ts'
import { resultsOf } from '../src/results/results.ts'
import { examinedRun } from '../src/results/trust-rows.ts'
import { measurementOf, STUDY } from './examples.ts'

const RUNS = EXPERIMENTS.flatMap((name) => runsOf(name, STUDY))
const ALL = new Map(RUNS.map((run) => [keyOf(run), measurementOf(run, () => 0.8)]))
const measured = (run: Run) => ALL.get(keyOf(run))
const EXAMINATION = {
  run: examinedRun(STUDY),
  subjects: STUDY.sites.map((site) => ({
    participant: '1',
    site,
    idempotence: 0.25,
    lesionRetention: [0.5, 0.7],
    invented: 0.125,
  })),
}
const REPRODUCED: Reproduced = {
  experiments: EXPERIMENTS,
  study: STUDY,
  cohort: { sites: STUDY.sites, modalities: STUDY.modalities, subjects: [], warnings: [], seed: 7 },
  budget: {
    scale: { name: 'tiny', config: PRESETS.tiny, lambdaFactor: 0.25, testSubjects: 2, probePatches: 4 },
    iterations: 100,
    secondsPerIteration: {},
  },
  beginning: {
    version: 1,
    data: [],
    sites: STUDY.sites,
    labels: 'bids',
    seed: 7,
    budget: '20m',
    set: [],
    adapter: 'test',
  },
}

describe('the page of a reproduction', () => {
  const results = resultsOf(EXPERIMENTS, STUDY, measured, 0.25, EXAMINATION)
  const figures = drawFigures(EXPERIMENTS, STUDY, measured, [])
  const page = reproductionPage(REPRODUCED, results, findings(results), figures, [...ALL.values()])
  const titles = [...page.matchAll(/<h2>([^<]+)</g)].map(([, title]) => title)

  it('leads with trust and findings, then scale, tables and figures, and ends with the caveats', () => {
    expect(titles).toEqual([
      'Is the anatomy kept?',
      'What was found',
      'At what scale',
      'Table 2: segmenters of a single site',
      'Table 3: one network for all sites',
      'Table 4: how far apart the sites are',
      'Table 5: a second modality',
      'Table 6: bias fields',
      'Table 7: the weight of the adversarial term',
      'The adversarial game',
      'Figures',
      'How to read this',
    ])
  })

  it('says what the budget was turned into and which site stands for which', () => {
    expect(page).toContain('Budget 20m: networks of width 4, patches of 16³ at 2 mm')
    expect(page).toContain('a (in the role of iSEG)')
    expect(page).toContain('λ is multiplied with 0.25')
  })

  it('shows ours, the published value and the difference in one row', () => {
    expect(page).toMatch(
      /<td[^>]*>0\.800<\/td><td[^>]*>[^<]*<\/td><td[^>]*>0\.868<\/td><td[^>]*>-0\.068<\/td>/,
    )
  })

  it('has the trust of every site in its own column', () => {
    expect(page).toMatch(/contrast of planted lesions<\/td>(<td[^>]*>0\.600<\/td>){3}/)
    expect(page).toMatch(/structure index<\/td>(<td[^>]*>0\.990[^<]*<\/td>){3}/)
  })

  it('has no section for what was not asked for', () => {
    const only = resultsOf(['table2'], STUDY, measured, 1, undefined)
    const short = reproductionPage({ ...REPRODUCED, experiments: ['table2'] }, only, findings(only), [], [])
    expect([...short.matchAll(/<h2>([^<]+)</g)].map(([, title]) => title)).toEqual([
      'What was found',
      'At what scale',
      'Table 2: segmenters of a single site',
      'How to read this',
    ])
  })
})

describe('figures', () => {
  it('are those whose runs are there, in the order of the paper', () => {
    const numbers = (...names: (typeof EXPERIMENTS)[number][]) =>
      drawFigures(names, STUDY, measured, []).map(({ number }) => number)
    expect(numbers('table3')).toEqual([1, 5, 6, 7])
    expect(numbers('table2')).toEqual([])
    expect(drawFigures(['table3'], STUDY, () => undefined, [])).toEqual([])
  })
})
