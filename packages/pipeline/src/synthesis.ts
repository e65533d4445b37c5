import {
  formatTable,
  fromInternal,
  labelConvention,
  makeLabelVolume,
  type PhantomModality,
  phantomImage,
  phantomSubject,
  type Shape3,
  type SiteStyle,
  type Split,
} from '@voxnorm/data'
import { writeImage } from './images.ts'
import type { Log } from './log.ts'
import type { StopRequest } from './stop.ts'
import type { Sink } from './storage.ts'

/** `Name` of the dataset_description.json of every phantom. */
export const PHANTOM_NAME = 'Synthetic multi-site brains'

/** Which synthetic people to scan where. */
export interface PhantomPlan {
  readonly styles: readonly SiteStyle[]
  readonly subjectsPerSite: number
  readonly shape: Shape3
  readonly voxelSize: number
  readonly modalities: readonly PhantomModality[]
  readonly seed: number
}

/** One row of the dataset table; the keys are its columns. */
export type PhantomRow = Readonly<Record<string, string>> & { readonly site: string }

/**
 * Writes a synthetic data set, laid out as BIDS and listed in `dataset.tsv`, with BIDS label numbers. The same plan gives
 * the same bytes. Throws StoppedError between two subjects.
 */
export async function writePhantom(
  sink: Sink,
  plan: PhantomPlan,
  log: Log,
  stop: StopRequest,
): Promise<PhantomRow[]> {
  const rows: PhantomRow[] = []
  const total = plan.styles.length * plan.subjectsPerSite
  for (const [siteIndex, style] of plan.styles.entries()) {
    for (let index = 0; index < plan.subjectsPerSite; index++) {
      stop.throwIfStopped('nothing was written')
      log.progress({ what: 'synth', done: rows.length, total, unit: 'subjects' })
      rows.push(await writeSubject(sink, plan, style, siteIndex, index))
    }
  }
  log.progress({ what: 'synth', done: total, total, unit: 'subjects' })
  await writeTables(sink, plan, rows)
  return rows
}

async function writeSubject(
  sink: Sink,
  plan: PhantomPlan,
  style: SiteStyle,
  siteIndex: number,
  index: number,
): Promise<PhantomRow> {
  const { seed, shape, voxelSize, modalities, subjectsPerSite } = plan
  // Sites have different people, as real ones do; a thousand per site keeps the numbers apart.
  const person = siteIndex * 1000 + index
  const anatomy = phantomSubject({ seed, subject: person, shape, voxelSize })
  const id = `sub-${style.name.replaceAll('-', '')}${String(index + 1).padStart(2, '0')}`
  const raw = `${id}/anat`
  const derived = `derivatives/voxnorm-synth/${id}/anat`
  const row: Record<string, string> = { participant_id: id }
  for (const modality of modalities) {
    const file = `${raw}/${id}_${modality}.nii.gz`
    await writeImage(sink, file, phantomImage(anatomy, style, { seed: seed + person, modality }))
    row[modality] = file
  }
  const { affine, header } = anatomy.label
  const numbers = fromInternal(anatomy.label.data, labelConvention('bids'))
  const label = `${derived}/${id}_dseg.nii.gz`
  const mask = `${derived}/${id}_desc-brain_mask.nii.gz`
  await writeImage(sink, label, makeLabelVolume(shape, numbers, affine, header))
  await writeImage(sink, mask, anatomy.mask)
  return { ...row, site: style.name, label, mask, split: splitOf(index, subjectsPerSite) }
}

/** The last fifth of a site's subjects tests and the fifth before validates, at least one each from three on. */
function splitOf(index: number, count: number): Split {
  const share = count >= 3 ? Math.max(1, Math.round(count / 5)) : 0
  if (index >= count - share) return 'test'
  return index >= count - 2 * share ? 'validation' : 'train'
}

async function writeTables(sink: Sink, plan: PhantomPlan, rows: readonly PhantomRow[]): Promise<void> {
  const columns = ['participant_id', 'site', ...plan.modalities, 'label', 'mask', 'split']
  const description = (fields: object) => `${JSON.stringify({ BIDSVersion: '1.10.0', ...fields }, null, 2)}\n`
  await sink.write('participants.tsv', formatTable(['participant_id', 'site', 'split'], rows))
  await sink.write('README.md', readme(plan))
  await sink.write('.bidsignore', 'dataset.tsv\n')
  await sink.write(
    'dataset_description.json',
    description({ Name: PHANTOM_NAME, DatasetType: 'raw', License: 'CC0' }),
  )
  await sink.write(
    'derivatives/voxnorm-synth/dataset_description.json',
    description({
      Name: 'Labels and masks of the synthetic brains',
      DatasetType: 'derivative',
      GeneratedBy: [{ Name: 'voxnorm' }],
    }),
  )
  await sink.write('dataset.tsv', formatTable(columns, rows))
}

function readme({ styles, seed, shape, voxelSize }: PhantomPlan): string {
  return `# Synthetic multi-site brains

No person was scanned: \`voxnorm synth\` computed these images from a mathematical phantom (seed ${seed}).
Sites: ${styles.map(({ name }) => name).join(', ')}; ${shape.join(' x ')} voxels of ${voxelSize} mm. Images are skull-stripped.

\`dataset.tsv\` lists all files with their split. Labels: 0 background, 1 grey matter, 2 white matter, 3 cerebrospinal
fluid (BIDS). Free to use for any purpose (CC0).
`
}
