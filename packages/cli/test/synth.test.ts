import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { labelConvention, sitesOf, toInternal, voxelSizes } from '@voxnorm/data'
import { openDataset, readVolumeFile } from '@voxnorm/data/node'
import { openDevice } from '@voxnorm/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseArguments } from '../src/command-line.ts'
import { synth } from '../src/commands/synth.ts'
import { openLog } from '../src/progress.ts'

const log = openLog({ write: () => {}, terminal: false, format: 'text', quiet: true, now: Date.now })
const run = (...words: string[]) =>
  synth.run({ arguments: parseArguments(synth, words), log, words, openDevice })

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-synth-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('synth', () => {
  it('writes a dataset that opens as a table, with labels, masks and splits', async () => {
    const out = path.join(folder, 'data')
    const { document } = await run(
      out,
      '--sites',
      '1',
      '--subjects',
      '3',
      '--shape',
      '36x42x32',
      '--modalities',
      'T1w,T2w',
      '--seed',
      '1',
    )
    expect(document).toMatchObject({ subjects: 3, shape: [36, 42, 32], voxelSize: 4, labels: 'bids' })
    expect(readFileSync(path.join(out, 'dataset.tsv'), 'utf8').split('\n').slice(0, 2)).toEqual([
      'participant_id\tsite\tT1w\tT2w\tlabel\tmask\tsplit',
      'sub-adult01\tadult\tsub-adult01/anat/sub-adult01_T1w.nii.gz\tsub-adult01/anat/sub-adult01_T2w.nii.gz\tderivatives/voxnorm-synth/sub-adult01/anat/sub-adult01_dseg.nii.gz\tderivatives/voxnorm-synth/sub-adult01/anat/sub-adult01_desc-brain_mask.nii.gz\ttrain',
    ])
    const dataset = await openDataset(path.join(out, 'dataset.tsv'), { modalities: ['T1w', 'T2w'] })
    expect(sitesOf(dataset.subjects)).toEqual(['adult'])
    expect(dataset.subjects.map(({ split }) => split)).toEqual(['train', 'validation', 'test'])

    const [subject] = dataset.subjects
    const image = await readVolumeFile(subject!.images.T1w!)
    const label = await readVolumeFile(subject!.label!)
    const mask = await readVolumeFile(subject!.mask!)
    expect(image.shape).toEqual([36, 42, 32])
    expect(voxelSizes(image.affine)).toEqual([4, 4, 4])
    expect(label.affine).toEqual(image.affine)
    const classes = toInternal(label.data, labelConvention('bids'))
    const share = [0, 0, 0, 0]
    classes.forEach((tissue, voxel) => {
      share[tissue] = share[tissue]! + 1
      expect(mask.data[voxel]! > 0).toBe(tissue > 0)
      expect(image.data[voxel]! > 0).toBe(tissue > 0)
    })
    for (const tissue of [1, 2, 3]) expect(share[tissue]! / (36 * 42 * 32)).toBeGreaterThan(0.02)
    expect(readdirSync(folder)).toEqual(['data'])
  })

  it('gives the same bytes for the same seed, and other people for another', async () => {
    const bytes = async (name: string, seed: string) => {
      await run(
        path.join(folder, name),
        '--sites',
        'infant',
        '--subjects',
        '1',
        '--shape',
        '36,42,32',
        '--seed',
        seed,
      )
      return readFileSync(path.join(folder, name, 'sub-infant01/anat/sub-infant01_T1w.nii.gz'))
    }
    const first = await bytes('one', '7')
    expect((await bytes('two', '7')).equals(first)).toBe(true)
    expect((await bytes('three', '8')).equals(first)).toBe(false)
  })

  it('refuses a place that is taken and leaves nothing behind when it fails', async () => {
    const taken = path.join(folder, 'taken')
    writeFileSync(taken, '')
    await expect(run(taken)).rejects.toMatchObject({ kind: 'output' })
    await expect(run(path.join(taken, 'inside'))).rejects.toMatchObject({ kind: 'output' })
    expect(existsSync(path.join(taken, 'inside'))).toBe(false)
  })

  it.each([
    [['--sites', '9'], 'voxnorm synth: --sites must be 1 to 4, not 9.'],
    [['--sites', 'mars'], 'voxnorm synth: there is no site "mars".'],
    [['--shape', '10,10'], 'voxnorm synth: --shape needs three numbers from 16 to 1024, not "10,10".'],
    [['--modalities', 'PD'], 'voxnorm synth: there is no modality PD.'],
    [['--subjects', '0'], 'voxnorm synth: --subjects must be 1 or more.'],
  ])('%j is a usage error', async (words, message) => {
    const error = await run(path.join(folder, 'never'), ...words).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ kind: 'config' })
    expect((error as Error).message.split('\n')[0]).toBe(message)
  })
})
