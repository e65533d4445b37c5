import path from 'node:path'
import { ConfigError, type PhantomModality, type Shape3, SITE_STYLES, type SiteStyle } from '@voxnorm/data'
import { type PhantomPlan, writePhantom } from '@voxnorm/pipeline'
import { assertFreeForOutput, fillNewFolder } from '@voxnorm/pipeline/node'
import type { Command } from '../command.ts'
import { type Arguments, numberFlag, textFlag } from '../command-line.ts'
import { EXIT } from '../exit-codes.ts'
import { listenForStop } from '../stop-request.ts'

/** Smallest field of view in mm along x, y and z that every phantom fits into. */
const FIELD_OF_VIEW = [140, 164, 126] as const

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
    assertFreeForOutput(out, { inputs: [], isOwn: () => false })
    const stop = listenForStop((signal) => log.warning('stop', `${signal}: stopping`))
    const rows = await fillNewFolder(out, (sink) => writePhantom(sink, plan, log, stop)).finally(() =>
      stop.release(),
    )
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

function readPlan(parsed: Arguments): PhantomPlan {
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
