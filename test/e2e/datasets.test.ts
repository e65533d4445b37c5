import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readVolumeFile } from '@voxnorm/data/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { built, openCommands } from './program.ts'
import { writeBids, writeScan } from './specimens.ts'

const CONFIG = `preset: tiny
data:
  table: bids
  modalities: [T1w, T2w]
  patch: 8
  patchesPerSite: 8
  validationPatchesPerSite: 4
  voxelSize: 1
model: { base: 2, discriminator: { base: 2 } }
train: { epochs: 1, batch: 2, iterationsPerEpoch: 2, discriminatorSteps: 1, warmup: 0 }
`

describe.skipIf(!built)('data sets of other tools, and two modalities (needs the build)', () => {
  const { voxnorm, close } = openCommands()
  let folder: string
  const at = (...parts: string[]) => path.join(folder, ...parts)
  const predict = (...words: string[]) =>
    voxnorm(folder, 'predict', '-m', 'run', '--device', 'software', '--json', ...words)
  const ses6 = 'bids/sub-6/ses-b/anat/sub-6_ses-b'

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-e2e-'))
    await writeBids(at('bids'))
    writeFileSync(at('config.yaml'), CONFIG)
    const { code, out, err } = await voxnorm(
      folder,
      ...['train', 'config.yaml', '-o', 'run', '--device', 'software', '--json'],
    )
    if (code !== 0) throw new Error(err)
    expect(JSON.parse(out)).toMatchObject({ run: 'run', reason: 'finished', iteration: 2 })
  })
  afterAll(() => {
    close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('trains on a BIDS folder, with labels from derivatives and sites from participants.tsv', () => {
    const { sites, modalities, rows } = JSON.parse(readFileSync(at('run/dataset.json'), 'utf8'))
    expect([sites, modalities]).toEqual([
      ['bonn', 'oslo'],
      ['T1w', 'T2w'],
    ])
    const row = rows.find(
      ({ participant_id }: { participant_id: string }) => participant_id === 'sub-6_ses-b',
    )
    expect(row).toMatchObject({
      site: 'bonn',
      images: {
        T1w: 'sub-6/ses-b/anat/sub-6_ses-b_T1w.nii.gz',
        T2w: 'sub-6/ses-b/anat/sub-6_ses-b_T2w.nii.gz',
      },
      label: 'derivatives/manual/sub-6/ses-b/anat/sub-6_ses-b_dseg.nii.gz',
    })
  })

  it('predicts a BIDS folder into a derivative tree inside it, and scores that against the labels', async () => {
    const out = 'bids/derivatives/ours'
    const finished = await predict('-i', 'bids', '-o', out)
    // Networks after a few iterations may well change anatomy, and the balls are small; the data set gives no other
    // reason for a warning.
    const expected = /the anatomy may be changed|less than the brain of a newborn/
    const warnings = finished.err.split('\n').filter((line) => line.includes('WARNING'))
    expect([finished.code, warnings.filter((line) => !expected.test(line))]).toEqual([0, []])
    const { subjects } = JSON.parse(finished.out)
    expect(subjects).toHaveLength(6)
    const names = ['desc-norm_T1w.json', 'desc-norm_T1w.nii.gz', 'desc-norm_T2w.json', 'desc-norm_T2w.nii.gz']
    expect(subjects[5].files.toSorted()).toEqual([
      'figures/sub-6_ses-b.json',
      ...[...names, 'dseg.json', 'dseg.nii.gz', 'trust.tsv', 'volumes.tsv'].map(
        (name) => `sub-6/ses-b/anat/sub-6_ses-b_${name}`,
      ),
    ])
    const json = (...parts: string[]) => JSON.parse(readFileSync(at(out, ...parts), 'utf8'))
    expect(json('sub-6', 'ses-b', 'anat', 'sub-6_ses-b_desc-norm_T2w.json')).toMatchObject({
      SkullStripped: true,
      Sources: ['T1w', 'T2w'].map((name) => `bids:raw:sub-6/ses-b/anat/sub-6_ses-b_${name}.nii.gz`),
    })
    expect(json('dataset_description.json')).toMatchObject({ DatasetLinks: { raw: '../..' } })
    expect(existsSync(at(out, 'dseg.tsv'))).toBe(true)
    const [first, second] = await Promise.all(
      ['T1w', 'T2w'].map((name) =>
        readVolumeFile(at(out, 'sub-6', 'ses-b', 'anat', `sub-6_ses-b_desc-norm_${name}.nii.gz`)),
      ),
    )
    expect(first!.data).not.toEqual(second!.data)

    const scored = await voxnorm(folder, 'evaluate', '-i', out, '--reference', 'bids', '--json')
    expect(scored.code).toBe(0)
    const { segmentation, harmonization } = JSON.parse(scored.out)
    expect(segmentation).toHaveLength(18)
    // Scored by the labels made by hand: a model of two iterations does not get them all right.
    expect(segmentation.some(({ dice }: { dice: number }) => dice < 0.9)).toBe(true)
    expect(harmonization[0]).toMatchObject({ measure: 'jsd', site_a: 'all' })
  })

  it('needs no site to predict and to score, but to train', async () => {
    await writeScan(at('foreign/sub-1/anat/sub-1_T1w.nii.gz'), 50)
    await writeScan(at('foreign/sub-1/anat/sub-1_T2w.nii.gz'), 60)
    expect((await predict('-i', 'foreign', '-o', 'foreign-out')).code).toBe(0)
    expect(existsSync(at('foreign-out/sub-1/anat/sub-1_dseg.nii.gz'))).toBe(true)
    const { code, err } = await voxnorm(
      folder,
      ...['train', 'config.yaml', '-o', 'new', '--set', 'data.table=foreign'],
    )
    expect([code, err]).toEqual([65, expect.stringContaining('from which site sub-1 is')])
    expect(existsSync(at('new'))).toBe(false)
  })

  it('predicts pairs of files and the channels of nnU-Net', async () => {
    const pairs = [`${ses6}_T1w.nii.gz,${ses6}_T2w.nii.gz`, 'plain/a.nii.gz,plain/b.nii.gz']
    for (const name of ['a', 'b']) await writeScan(at(`plain/${name}.nii.gz`), 70)
    for (const channel of ['0000', '0001']) await writeScan(at(`imagesTs/X_${channel}.nii.gz`), 80)
    const { code, out } = await predict(`-i=${pairs[0]}`, pairs[1]!, 'imagesTs', '-o', 'pairs')
    expect(code).toBe(0)
    expect(JSON.parse(out).subjects.map(({ id }: { id: string }) => id)).toEqual([
      'sub-6_ses-b',
      'a',
      'X_0000',
    ])
    for (const name of ['a_desc-norm', 'b_desc-norm', 'a_dseg', 'X_0001_desc-norm'])
      expect(existsSync(at('pairs', `${name}.nii.gz`))).toBe(true)
    expect(JSON.parse(readFileSync(at('pairs/a.json'), 'utf8')).Sources).toEqual(['a.nii.gz', 'b.nii.gz'])
  })

  it.each([
    ['one image', `${ses6}_T1w.nii.gz`],
    ['three images', [1, 2, 3].map(() => `${ses6}_T1w.nii.gz`).join(',')],
  ])('says what is wrong with %s for two modalities', async (_, word) => {
    const { code, err, out } = await predict('-i', word, '-o', 'wrong')
    expect([code, out]).toEqual([64, ''])
    expect(err).toMatch(/^error: the model takes 2 images per subject \(T1w, T2w\), but .*\n {2}fix: .*\n$/)
    expect(existsSync(at('wrong'))).toBe(false)
  })
})
