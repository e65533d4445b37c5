import { distinctRuns, keyOf, type Run, runsOf, sitesOfSetting } from './experiments.ts'
import { svgToPng } from './figures/rasterize.ts'
import { rawHistograms } from './measurement/raw-histograms.ts'
import type { Examination, Measurement } from './measurement/records.ts'
import { drawFigures } from './page/draw-figures.ts'
import { type Reproduced, reproductionPage } from './page/page.ts'
import { type Finding, findings } from './results/findings.ts'
import { type Results, resultsOf, resultsText, tableText } from './results/results.ts'
import { examinedRun } from './results/trust-rows.ts'
import type { Workspace } from './workspace.ts'

/** The experiments whose page shows the raw histograms; they are counted from the images anew. */
const FIGURE2 = ['table3', 'table4', 'game'] as const

/** Writes results.json, the tables, the figures and the page from what was measured; returns what results.json holds. */
export async function writeResults(
  workspace: Workspace,
  reproduced: Reproduced,
): Promise<Results & { readonly findings: readonly Finding[] }> {
  const { experiments, study, cohort, budget } = reproduced
  const runs = distinctRuns(experiments.flatMap((experiment) => runsOf(experiment, study)))
  // Every table asks for its runs again, and a record is a large file.
  const records = new Map(
    runs.map((run) => [keyOf(run), workspace.readRecord<Measurement>('measurements', keyOf(run))]),
  )
  const measured = (run: Run) => records.get(keyOf(run))
  const examination = workspace.readRecord<Examination>('examinations', keyOf(examinedRun(study)))
  const results = resultsOf(experiments, study, measured, budget.scale.lambdaFactor, examination)
  const found = findings(results)
  const document = { ...results, findings: found }
  workspace.write('results.json', resultsText(document))
  for (const [name, rows] of Object.entries(results)) {
    if (rows.length > 0) workspace.write(`tables/${name}.tsv`, tableText(rows))
  }
  const wanted = FIGURE2.some((experiment) => experiments.includes(experiment))
  const raw = wanted ? await rawHistograms(cohort, sitesOfSetting(study, 'dual')) : []
  const figures = drawFigures(experiments, study, measured, raw)
  for (const { number, svg } of figures) {
    workspace.write(`figures/figure${number}.svg`, svg)
    workspace.write(`figures/figure${number}.png`, await svgToPng(svg))
  }
  const measurements = runs.flatMap((run) => measured(run) ?? [])
  workspace.write('report.html', reproductionPage(reproduced, results, found, figures, measurements))
  return document
}
