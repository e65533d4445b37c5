import type { Table } from '@voxnorm/data'
import { changedSentence, type PredictionRecords, type Preview } from '@voxnorm/pipeline'
import { type Finding, structureDoubted } from './findings.ts'
import { bulletList, renderPage, type Section, table } from './page.ts'
import { previewSections } from './preview-sections.ts'
import { trustSection } from './trust-section.ts'

/** One page per subject of a prediction folder, by file name, and the group page. */
export interface PredictionPages {
  readonly subjects: readonly { readonly name: string; readonly html: string }[]
  readonly group: string
}

/** The pages of a folder that `predict` wrote, with the tables of `evaluate` where they lie beside the predictions. */
export function predictionReport(records: PredictionRecords): PredictionPages {
  const { name, previews, failures } = records
  const sites = [...new Set(previews.map(({ site }) => site))]
  const group = renderPage({
    title: `Predictions in ${name}`,
    subtitle: `${previews.length} ${previews.length === 1 ? 'subject' : 'subjects'}, sites: ${sites.join(', ')}`,
    tiles: [],
    sections: [
      trustSection(previews, refused(failures)),
      ...warningSection(previews),
      ...previewSections(previews, sites),
      ...scores(records, previews.filter(structureDoubted).length),
      ...volumes(records),
      caveats(),
    ],
  })
  return {
    subjects: previews.map((preview) => ({ name: preview.participant, html: subjectPage(preview) })),
    group,
  }
}

function subjectPage(preview: Preview): string {
  return renderPage({
    title: preview.participant,
    subtitle: [preview.site, preview.modality, preview.split].filter((word) => word !== 'n/a').join(' · '),
    tiles: [],
    sections: [
      trustSection([preview]),
      ...warningSection([preview]),
      ...previewSections([preview], [preview.site]),
      caveats(),
    ],
  })
}

/** What was odd in the files of the scans, or doubtful in their masks. */
function warningSection(previews: readonly Preview[]): Section[] {
  const warnings = previews.flatMap(({ warnings = [] }) => warnings)
  if (warnings.length === 0) return []
  return [{ id: 'warnings', title: 'Doubts about the files', body: bulletList([...new Set(warnings)]) }]
}

/** What `predict` did not write, and why. */
function refused(failures: PredictionRecords['failures']): Finding[] {
  return failures.map(({ participant_id, message }) => ({
    verdict: 'doubt',
    text: `${participant_id} has no prediction: ${message}`,
  }))
}

/** The tables of `evaluate`; `doubted` scans do not keep their structure. */
function scores({ segmentation, harmonization }: PredictionRecords, doubted: number): Section[] {
  const tables = [
    {
      id: 'segmentation',
      title: 'Segmentation',
      rows: segmentation,
      note: 'Against the reference labels. Dice: 1 is perfect. The distances between surfaces (hd95, hd, mhd, assd) are in mm: 0 is perfect.',
    },
    {
      id: 'harmonization',
      title: 'Harmonisation',
      rows: harmonization,
      note:
        `${doubted === 0 ? '' : `${changedSentence(doubted)} `}How far apart the sites are, before (raw) and after (normalized). jsd and wasserstein: 0 is alike. ` +
        'jsd_in_tissues is the mean within CSF, grey and white matter: a brain with more of a tissue differs as a whole, whatever the scanner. ' +
        'site_classifier_accuracy: 1 when every image gives its site away, chance when none does. site_classifier_floor is its accuracy on the reference labels painted in three greys, where no scanner is left: anatomy alone, below which nothing gets that keeps the anatomy; ' +
        'n/a unless two sites have two subjects each, because with one subject a site nobody can tell the site from the person.',
    },
  ]
  return tables.flatMap(({ id, title, rows, note }) =>
    rows === undefined ? [] : [{ id, title, body: `<p class="note">${note}</p>${tableOf(rows)}` }],
  )
}

function volumes({ volumes: all }: PredictionRecords): Section[] {
  const rows = all.flatMap(({ image, table: { rows } }) =>
    rows.map(({ cells }) => [
      image,
      cells.name ?? 'n/a',
      shorten(cells.volume_mm3 ?? 'n/a'),
      shorten(cells.volume_soft_mm3 ?? 'n/a'),
    ]),
  )
  if (rows.length === 0) return []
  const columns = ['image', 'tissue', 'volume (mm³)', 'by probability (mm³)']
  return [{ id: 'volumes', title: 'Volumes', body: table(columns, rows) }]
}

function tableOf({ columns, rows }: Table): string {
  return table(
    columns,
    rows.map(({ cells }) => columns.map((column) => shorten(cells[column] ?? 'n/a'))),
  )
}

/** Numbers with a fraction are shown with four significant digits. */
function shorten(text: string): string {
  return /^-?\d+\.\d+(e-?\d+)?$/.test(text) ? String(Number(Number(text).toPrecision(4))) : text
}

function caveats(): Section {
  return {
    id: 'caveats',
    title: 'How to read this',
    body: bulletList([
      'The structure index compares the normalised image with its input: 1 when everything in it is explained by a change of contrast or brightness. It is about large enough changes only: a lesion of a few voxels may be lost without moving it.',
      'The classical segmentation is a mixture of three intensities and knows no anatomy. Where it disagrees before and after, it may have done badly on one of the two images.',
      'Histograms that agree do not prove that anatomy is kept. Look at the images before and after, and at structures such as lesions.',
      'Likeness to the training scans is judged by intensities alone. A scan can look like them and show a disease that the model never saw.',
      'Volumes by probability sum the class probabilities; they are less sensitive to partial volume than counted voxels.',
    ]),
  }
}
