import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import {
  ConfigError,
  formatTable,
  fromInternal,
  labelConvention,
  makeLabelVolume,
  OutputError,
  type PhantomModality,
  phantomImage,
  phantomSubject,
  type Shape3,
  SITE_STYLES,
  type SiteStyle,
  type Split,
} from '@voxnorm/data'
import { makeFolder, outputFailure, writeFileAtomically, writeVolumeFile } from '@voxnorm/data/node'
import type { Command } from '../command.ts'
import { type Arguments, numberFlag, textFlag } from '../command-line.ts'
import { EXIT } from '../exit-codes.ts'
import type { Log } from '../progress.ts'
import { listenForStop } from '../stop-request.ts'

/** Smallest field of view in mm along x, y and z that every phantom fits into. */
const FIELD_OF_VIEW = [140, 164, 126] as const

interface SynthPlan {
  readonly styles: readonly SiteStyle[]
  readonly subjectsPerSite: number
  readonly shape: Shape3
  readonly voxelSize: number
  readonly modalities: readonly PhantomModality[]
  readonly seed: number
}

/** One row of the dataset table; the keys are its columns. */
type Row = Readonly<Record<string, string>> & { readonly site: string }

/**
 * `voxnorm synth`: a synthetic dataset of several sites, laid out as BIDS and listed in `dataset.tsv`.
 *
 * Labels carry BIDS numbers (GM 1, WM 2, CSF 3). The same seed gives the same bytes.
 */
export const synth: Command = {
  name: 'synth',
  summary: 'Writes a synthetic multi-site dataset: images, labels, masks and dataset.tsv.',
  usage: 'synth OUT [flags]',
  positionals: { name: 'OUT', minimum: 1, maximum: 1 },
  flags: [
    { name: 'sites', kind: 'text', value: 'N', help: 'how many sites (2), or names like adult,infant' },
    { name: 'subjects', kind: 'integer', value: 'N', help: 'subjects per site (6: 4 train, 1 + 1)' },
    { name: 'shape', kind: 'text', value: 'X,Y,Z', help: 'voxels (72,84,64); the voxel size follows' },
    { name: 'modalities', kind: 'text', value: 'LIST', help: 'T1w (default) or T1w,T2w' },
  ],
  example: 'voxnorm synth demo-data --sites 2 --subjects 6 --seed 1',
  async run({ arguments: parsed, log }) {
    const out = parsed.positionals[0]!
    const plan = readPlan(parsed)
    refuseOccupied(out)
    const rows = await writeDataset(out, plan, log)
    const document = {
      path: out,
      table: path.join(out, 'dataset.tsv'),
      sites: plan.styles.map(({ name }) => name),
      subjects: rows.length,
      shape: plan.shape,
      voxelSize: plan.voxelSize,
      labels: 'bids',
    }
    const text = `${rows.length} subjects of ${plan.styles.length} sites (${document.sites.join(', ')}), ${plan.shape.join(' x ')} voxels of ${plan.voxelSize} mm: ${document.table}`
    return { exitCode: EXIT.done, document, text }
  },
}

function readPlan(parsed: Arguments): SynthPlan {
  const styles = readSites(textFlag(parsed, 'sites') ?? '2')
  const subjectsPerSite = numberFlag(parsed, 'subjects') ?? 6
  if (subjectsPerSite < 1) throw new ConfigError('voxnorm synth: --subjects must be 1 or more.')
  const shape = readShape(textFlag(parsed, 'shape') ?? '72,84,64')
  // Tenths of a millimetre, rounded up, so that the brain always fits.
  const voxelSize = Math.max(...FIELD_OF_VIEW.map((size, axis) => Math.ceil((10 * size) / shape[axis]!) / 10))
  const modalities = (textFlag(parsed, 'modalities') ?? 'T1w').split(',')
  const unknown = modalities.find((name) => name !== 'T1w' && name !== 'T2w')
  if (unknown !== undefined) {
    throw new ConfigError(`voxnorm synth: there is no modality ${unknown}.`, {
      fix: 'use T1w, T2w or T1w,T2w',
    })
  }
  const seed = numberFlag(parsed, 'seed') ?? 42
  return { styles, subjectsPerSite, shape, voxelSize, modalities: modalities as PhantomModality[], seed }
}

function readSites(text: string): SiteStyle[] {
  const all: readonly SiteStyle[] = Object.values(SITE_STYLES)
  const names = all.map(({ name }) => name)
  if (/^\d+$/.test(text)) {
    const count = Number(text)
    if (count >= 1 && count <= all.length) return all.slice(0, count)
    throw new ConfigError(`voxnorm synth: --sites must be 1 to ${all.length}, not ${text}.`, {
      fix: `the sites are ${names.join(', ')}`,
    })
  }
  return [...new Set(text.split(','))].map((name) => {
    const style = all.find((one) => one.name === name)
    if (style !== undefined) return style
    throw new ConfigError(`voxnorm synth: there is no site "${name}".`, {
      fix: `the sites are ${names.join(', ')}`,
    })
  })
}

function readShape(text: string): Shape3 {
  const parts = text.split(/[,x]/).map(Number)
  const [x, y, z] = parts
  if (parts.length === 3 && parts.every((size) => Number.isInteger(size) && size >= 16 && size <= 1024)) {
    return [x!, y!, z!]
  }
  throw new ConfigError(`voxnorm synth: --shape needs three numbers from 16 to 1024, not "${text}".`, {
    fix: 'for example --shape 72,84,64',
  })
}

function refuseOccupied(out: string): void {
  if (!existsSync(out)) return
  if (!statSync(out).isDirectory() || readdirSync(out).length > 0) {
    throw new OutputError('this place is taken.', { file: out, fix: 'choose a new or empty folder' })
  }
}

/** Builds the dataset in a temporary folder beside its place, so that OUT is there completely or not at all. */
async function writeDataset(out: string, plan: SynthPlan, log: Log): Promise<Row[]> {
  const parent = path.dirname(path.resolve(out))
  const temporary = path.join(parent, `.${path.basename(out)}.${process.pid}.tmp`)
  makeFolder(parent)
  const stop = listenForStop((signal) => log.warning('stop', `${signal}: stopping`))
  try {
    mkdirSync(temporary)
    const rows: Row[] = []
    const total = plan.styles.length * plan.subjectsPerSite
    for (const [siteIndex, style] of plan.styles.entries()) {
      for (let index = 0; index < plan.subjectsPerSite; index++) {
        stop.throwIfStopped('nothing was written')
        log.progress({ what: 'synth', done: rows.length, total, unit: 'subjects' })
        rows.push(await writeSubject(temporary, plan, style, siteIndex, index))
      }
    }
    log.progress({ what: 'synth', done: total, total, unit: 'subjects' })
    writeTables(temporary, plan, rows)
    if (existsSync(out)) rmdirSync(out)
    renameSync(temporary, out)
    return rows
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    throw outputFailure(error, out)
  } finally {
    stop.release()
  }
}

async function writeSubject(
  root: string,
  plan: SynthPlan,
  style: SiteStyle,
  siteIndex: number,
  index: number,
): Promise<Row> {
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
    await writeVolumeFile(
      path.join(root, file),
      phantomImage(anatomy, style, { seed: seed + person, modality }),
    )
    row[modality] = file
  }
  const { affine, header } = anatomy.label
  const numbers = fromInternal(anatomy.label.data, labelConvention('bids'))
  const label = `${derived}/${id}_dseg.nii.gz`
  const mask = `${derived}/${id}_desc-brain_mask.nii.gz`
  await writeVolumeFile(path.join(root, label), makeLabelVolume(shape, numbers, affine, header))
  await writeVolumeFile(path.join(root, mask), anatomy.mask)
  return { ...row, site: style.name, label, mask, split: splitOf(index, subjectsPerSite) }
}

/** The last fifth of a site's subjects tests and the fifth before validates, at least one each from three on. */
function splitOf(index: number, count: number): Split {
  const share = count >= 3 ? Math.max(1, Math.round(count / 5)) : 0
  if (index >= count - share) return 'test'
  return index >= count - 2 * share ? 'validation' : 'train'
}

function writeTables(root: string, plan: SynthPlan, rows: readonly Row[]): void {
  const write = (name: string, content: string) => writeFileAtomically(path.join(root, name), content)
  const columns = ['participant_id', 'site', ...plan.modalities, 'label', 'mask', 'split']
  const description = (fields: object) => `${JSON.stringify({ BIDSVersion: '1.10.0', ...fields }, null, 2)}\n`
  write('participants.tsv', formatTable(['participant_id', 'site', 'split'], rows))
  write('README.md', readme(plan))
  write('.bidsignore', 'dataset.tsv\n')
  write(
    'dataset_description.json',
    description({ Name: 'Synthetic multi-site brains', DatasetType: 'raw', License: 'CC0' }),
  )
  write(
    'derivatives/voxnorm-synth/dataset_description.json',
    description({
      Name: 'Labels and masks of the synthetic brains',
      DatasetType: 'derivative',
      GeneratedBy: [{ Name: 'voxnorm' }],
    }),
  )
  write('dataset.tsv', formatTable(columns, rows))
}

function readme({ styles, seed, shape, voxelSize }: SynthPlan): string {
  return `# Synthetic multi-site brains

No person was scanned: \`voxnorm synth\` computed these images from a mathematical phantom (seed ${seed}).
Sites: ${styles.map(({ name }) => name).join(', ')}; ${shape.join(' x ')} voxels of ${voxelSize} mm. Images are skull-stripped.

\`dataset.tsv\` lists all files with their split. Labels: 0 background, 1 grey matter, 2 white matter, 3 cerebrospinal
fluid (BIDS). Free to use for any purpose (CC0).
`
}
