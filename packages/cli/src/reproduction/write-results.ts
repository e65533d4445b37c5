import { drawFigures } from './draw-figures.ts'
import {
  type Cast,
  distinctRuns,
  type Experiment,
  keyOf,
  type Run,
  runsOf,
  sitesOfSetting,
} from './experiments.ts'
import { svgToPng } from './figures/png.ts'
import { findings } from './findings.ts'
import { reproductionPage } from './page.ts'
import { rawHistograms } from './raw-histograms.ts'
import type { Examination, Measurement } from './records.ts'
import { type Results, resultsOf, resultsText, tableText } from './results.ts'
import type { Budget } from './scale.ts'
import type { Cohort } from './subjects.ts'
import { examinedRun } from './trust-rows.ts'
import type { Beginning, Workspace } from './workspace.ts'

/** What results are written about. */
export interface Reproduced {
  readonly experiments: readonly Experiment[]
  readonly cast: Cast
  readonly cohort: Cohort
  readonly budget: Budget
  readonly beginning: Beginning
}

/** Writes results.json, the tables, the figures and the page from what was measured. */
export async function writeResults(workspace: Workspace, reproduced: Reproduced): Promise<Results> {
  const { experiments, cast, cohort, budget } = reproduced
  const measured = (run: Run) => workspace.readRecord<Measurement>('measurements', keyOf(run))
  const examination = workspace.readRecord<Examination>('examinations', keyOf(examinedRun(cast)))
  const results = resultsOf(experiments, cast, measured, budget.scale.lambdaFactor, examination)
  const found = findings(results)
  workspace.write('results.json', resultsText({ ...results, findings: found }))
  for (const [name, rows] of Object.entries(results)) {
    if (rows.length > 0) workspace.write(`tables/${name}.tsv`, tableText(rows))
  }
  const raw = await rawHistograms(cohort, sitesOfSetting(cast, 'dual'))
  const figures = drawFigures(experiments, cast, measured, raw)
  for (const { number, svg } of figures) {
    workspace.write(`figures/figure${number}.svg`, svg)
    workspace.write(`figures/figure${number}.png`, await svgToPng(svg))
  }
  const measurements = distinctRuns(experiments.flatMap((experiment) => runsOf(experiment, cast))).flatMap(
    (run) => measured(run) ?? [],
  )
  workspace.write('report.html', reproductionPage(reproduced, results, found, figures, measurements))
  return results
}
