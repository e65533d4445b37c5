import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { labelConvention, makeVolume, parseTable } from '@voxnorm/data'
import { readVolumeFile, writeVolumeFile } from '@voxnorm/data/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDiskSink } from '../../src/node/disk.ts'
import { readInputs } from '../../src/node/inputs.ts'
import { predictSubject } from '../../src/prediction/predict-subject.ts'
import { writeFolderFiles, writePrediction } from '../../src/prediction/write-outputs.ts'
import { fakeNetwork, named, ODD, options, provenance, ramp, SHAPE } from './examples.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-outputs-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('writePrediction', () => {
  const write = async (out: string, file: string, probabilities = false) => {
    await writeVolumeFile(file, makeVolume(SHAPE, ramp(SHAPE), ODD))
    const {
      inputs: [input],
    } = await readInputs([file], [], ['T1w'])
    const volume = await readVolumeFile(file)
    const prediction = await predictSubject('s', [named(volume)], undefined, options('native'), fakeNetwork)
    const choices = { convention: labelConvention('bids'), probabilities, provenance }
    const trust = { classical: { segmenterVolumes: { CSF: 1, GM: 2, WM: 3 } } }
    return writePrediction(openDiskSink(out), input!, prediction, trust, choices)
  }

  it('writes plain names beside each other, the same bytes every time', async () => {
    const out = path.join(folder, 'plain')
    const { files } = await write(out, path.join(folder, 'brain.v2.nii.gz'), true)
    expect([...files].sort()).toEqual([
      'brain.v2.json',
      'brain.v2_desc-norm.nii.gz',
      'brain.v2_dseg.nii.gz',
      'brain.v2_label-BG_probseg.nii.gz',
      'brain.v2_label-CSF_probseg.nii.gz',
      'brain.v2_label-GM_probseg.nii.gz',
      'brain.v2_label-WM_probseg.nii.gz',
      'brain.v2_trust.tsv',
      'brain.v2_volumes.tsv',
    ])
    expect(readdirSync(out).sort()).toEqual([...files].sort())
    await write(path.join(folder, 'again'), path.join(folder, 'brain.v2.nii.gz'), true)
    for (const name of files) {
      expect(readFileSync(path.join(folder, 'again', name)).equals(readFileSync(path.join(out, name)))).toBe(
        true,
      )
    }
    const volumes = parseTable(readFileSync(path.join(out, 'brain.v2_volumes.tsv'), 'utf8'), 'volumes')
    expect(volumes.columns).toEqual(['index', 'name', 'n_voxels', 'volume_mm3', 'volume_soft_mm3'])
    expect(volumes.rows.map(({ cells }) => [cells.index, cells.name])).toEqual([
      ['1', 'GM'],
      ['2', 'WM'],
      ['3', 'CSF'],
    ])
    expect(JSON.parse(readFileSync(path.join(out, 'brain.v2.json'), 'utf8')).LabelConvention).toBe('bids')
    const gm = volumes.rows[0]!.cells
    expect(Number(gm.volume_mm3)).toBe(2 * Number(gm.n_voxels))
    expect(Number(gm.volume_soft_mm3)).toBeCloseTo(Number(gm.volume_mm3), 3)
    const sidecar = JSON.parse(readFileSync(path.join(out, 'brain.v2.json'), 'utf8'))
    expect(sidecar).toMatchObject({
      // A block of voxels is no brain.
      SkullStripped: false,
      BrainMask: { Source: 'all voxels above zero', Plausible: false },
      Sources: ['brain.v2.nii.gz'],
      Normalization: { Stride: 8, Seed: 42, NetworkVolumeDifferencePercent: { CSF: 1, GM: 2, WM: 3 } },
    })
    expect(JSON.stringify(sidecar)).not.toContain('/somewhere')
    const labels = await readVolumeFile(path.join(out, 'brain.v2_dseg.nii.gz'))
    const source = await readVolumeFile(path.join(folder, 'brain.v2.nii.gz'))
    expect(labels.affine).toEqual(source.affine)
    expect(labels.header.datatype).toBe('uint8')
    expect([...labels.data.slice(0, 2), ...labels.data.slice(-2)]).toEqual([0, 0, 2, 2])
  })

  it('writes BIDS names into a derivative tree', async () => {
    const out = path.join(folder, 'derivatives')
    const image = path.join(folder, 'bids', 'sub-01', 'ses-2', 'anat', 'sub-01_ses-2_T1w.nii.gz')
    const { files } = await write(out, image)
    expect([...files].sort()).toEqual(
      [
        'desc-norm_T1w.json',
        'desc-norm_T1w.nii.gz',
        'dseg.json',
        'dseg.nii.gz',
        'trust.tsv',
        'volumes.tsv',
      ].map((name) => `sub-01/ses-2/anat/sub-01_ses-2_${name}`),
    )
    await writeFolderFiles(openDiskSink(out), { provenance, convention: labelConvention('bids'), inputs: [] })
    expect(JSON.parse(readFileSync(path.join(out, 'dataset_description.json'), 'utf8'))).toMatchObject({
      DatasetType: 'derivative',
      GeneratedBy: [{ Name: 'voxnorm' }],
    })
    const table = parseTable(readFileSync(path.join(out, 'dseg.tsv'), 'utf8'), 'dseg')
    expect(table.rows.map(({ cells }) => cells.abbreviation)).toEqual(['BG', 'GM', 'WM', 'CSF'])
  })

  it.each([
    ['inside', 'data/derivatives/own', 'bids:raw:sub-01/anat/sub-01_T1w.nii.gz', { raw: '../..' }],
    ['outside', 'elsewhere', 'sub-01/anat/sub-01_T1w.nii.gz', undefined],
  ])('names its sources by their dataset when written %s it', async (_, place, source, links) => {
    const out = path.join(folder, place)
    const image = path.join(folder, 'data', 'sub-01', 'anat', 'sub-01_T1w.nii.gz')
    await write(out, image)
    const { inputs } = await readInputs([image], [], ['T1w'])
    await writeFolderFiles(openDiskSink(out), { provenance, convention: labelConvention('bids'), inputs })
    const json = (...parts: string[]) => JSON.parse(readFileSync(path.join(out, ...parts), 'utf8'))
    expect(json('sub-01', 'anat', 'sub-01_desc-norm_T1w.json').Sources).toEqual([source])
    expect(json('dataset_description.json').DatasetLinks).toEqual(links)
  })
})
