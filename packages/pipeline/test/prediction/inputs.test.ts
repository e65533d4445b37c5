import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readInputs } from '../../src/node/inputs.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-inputs-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('readInputs', () => {
  it('joins modalities, takes folders of images, and gives masks to files', async () => {
    const loose = path.join(folder, 'loose')
    mkdirSync(loose)
    for (const name of ['b.nii', 'a.nii.gz', 'a_T2.nii.gz', 'notes.txt'])
      writeFileSync(path.join(loose, name), '')
    const {
      inputs: [pair],
    } = await readInputs([`${loose}/a.nii.gz,${loose}/a_T2.nii.gz`], [`${loose}/b.nii`], ['T1w', 'T2w'])
    expect(pair!.names).toMatchObject({
      base: 'a',
      normalized: ['a_desc-norm', 'a_T2_desc-norm'],
      bids: false,
      folder: '',
    })
    expect(pair!.mask).toBe(`${loose}/b.nii`)
    const { inputs: all } = await readInputs([loose], [], ['T1w'])
    expect(all.map(({ names }) => names.base)).toEqual(['a', 'a_T2', 'b'])
  })

  it('refuses what cannot be meant', async () => {
    const loose = path.join(folder, 'loose')
    const reject = async (words: string[], masks: string[], modalities: string[]) =>
      await readInputs(words, masks, modalities).catch((error: unknown) => error)
    expect(await reject([`${loose}/none.nii`], [], ['T1w'])).toMatchObject({ kind: 'missing-input' })
    expect(await reject([`${loose}/a.nii.gz`], [], ['T1w', 'T2w'])).toMatchObject({ kind: 'config' })
    expect(await reject([`${loose}/a.nii.gz`, `${loose}/b.nii`], [`${loose}/b.nii`], ['T1w'])).toMatchObject({
      kind: 'config',
    })
    mkdirSync(path.join(folder, 'other'))
    writeFileSync(path.join(folder, 'other', 'a.nii.gz'), '')
    const twice = await reject([`${loose}/a.nii.gz`, path.join(folder, 'other', 'a.nii.gz')], [], ['T1w'])
    expect((twice as Error).message).toMatch(/would be written to the same names/)
    const pairs = await reject([loose], [], ['T1w', 'T2w'])
    expect(pairs).toMatchObject({ kind: 'config' })
    expect((pairs as Error).message).toContain('loose images')
  })

  it('puts the channels of nnU-Net together', async () => {
    const root = path.join(folder, 'imagesTs')
    mkdirSync(root)
    for (const name of ['b_0001', 'a_0000', 'b_0000', 'a_0001'])
      writeFileSync(path.join(root, `${name}.nii.gz`), '')
    const { inputs } = await readInputs([root], [], ['T1w', 'T2w'])
    expect(inputs.map(({ images }) => images.map((file) => path.basename(file)))).toEqual([
      ['a_0000.nii.gz', 'a_0001.nii.gz'],
      ['b_0000.nii.gz', 'b_0001.nii.gz'],
    ])
    await expect(readInputs([root], [], ['a', 'b', 'c'])).rejects.toThrow('which belong together')
  })

  it('asks a BIDS folder for no site, and gives its images derivative names', async () => {
    const root = path.join(folder, 'bids')
    const anat = path.join(root, 'sub-7', 'ses-2', 'anat')
    mkdirSync(anat, { recursive: true })
    for (const name of ['sub-7_ses-2_desc-n4_T2w.nii.gz', 'sub-7_ses-2_acq-x_T1w.nii.gz'])
      writeFileSync(path.join(anat, name), '')
    const {
      inputs: [input],
    } = await readInputs([root], [], ['T2w', 'T1w'])
    expect(input).toMatchObject({ id: 'sub-7_ses-2', site: 'n/a', split: 'n/a' })
    expect(input!.names).toEqual({
      folder: 'sub-7/ses-2/anat',
      base: 'sub-7_ses-2',
      normalized: ['sub-7_ses-2_desc-norm_T2w', 'sub-7_ses-2_acq-x_desc-norm_T1w'],
      bids: true,
    })
    const lacking = readInputs([root], [], ['T1w', 'FLAIR'])
    await expect(lacking).rejects.toThrow(/there is no FLAIR here/)
  })

  describe('finds mask and site of an image', () => {
    let root: string
    let scan: string
    let mask: string
    beforeAll(() => {
      root = path.join(folder, 'masked')
      const anat = path.join(root, 'sub-1', 'ses-a', 'anat')
      const derived = path.join(root, 'derivatives', 'strip', 'sub-1', 'ses-a', 'anat')
      for (const place of [anat, derived]) mkdirSync(place, { recursive: true })
      scan = path.join(anat, 'sub-1_ses-a_T1w.nii.gz')
      mask = path.join(derived, 'sub-1_ses-a_desc-brain_mask.nii.gz')
      for (const file of [scan, mask]) writeFileSync(file, '')
      writeFileSync(path.join(root, 'participants.tsv'), 'participant_id\tsite\nsub-1\toslo\n')
    })
    const only = async (word: string, masks: readonly string[] = []) => {
      const { inputs, warnings } = await readInputs([word], masks, ['T1w'])
      expect(inputs).toHaveLength(1)
      return { ...inputs[0]!, warnings }
    }

    it('the same way by its path as by its BIDS folder', async () => {
      const byPath = await only(scan)
      const byFolder = await only(root)
      expect(byPath).toMatchObject({ mask, site: 'oslo', warnings: [] })
      const { id: _path, ...one } = byPath
      const { id: _folder, ...other } = byFolder
      expect(one).toEqual(other)
    })

    it('but keeps the mask that is given with it', async () => {
      const own = path.join(root, 'own.nii.gz')
      writeFileSync(own, '')
      expect((await only(scan, [own])).mask).toBe(own)
    })

    it('and says so where a table leaves the mask out, or nothing says whose mask it is', async () => {
      const table = path.join(folder, 'without-mask.tsv')
      writeFileSync(table, `participant_id\tsite\tT1w\np1\toslo\t${path.relative(folder, scan)}\n`)
      const left = await only(table)
      expect(left.mask).toBeUndefined()
      expect(left.warnings).toEqual([
        expect.stringMatching(/T1w\.nii\.gz: the table names no mask, and .*brain_mask\.nii\.gz is not used/),
      ])
      const other = path.join(path.dirname(scan), 'sub-1_ses-a_run-2_T1w.nii.gz')
      writeFileSync(other, '')
      const unsure = await only(other)
      rmSync(other)
      expect(unsure.mask).toBeUndefined()
      expect(unsure.warnings).toEqual([expect.stringMatching(/brain_mask\.nii\.gz may be its brain mask/)])
    })

    it('in the table of a folder above it', async () => {
      const around = path.join(folder, 'around')
      mkdirSync(path.join(around, 's1'), { recursive: true })
      for (const name of ['t1.nii.gz', 'brain.nii.gz', 'other.nii.gz'])
        writeFileSync(path.join(around, 's1', name), '')
      writeFileSync(
        path.join(around, 'dataset.tsv'),
        'participant_id\tsite\tT1w\tmask\np1\tbonn\ts1/t1.nii.gz\ts1/brain.nii.gz\n',
      )
      expect(await only(path.join(around, 's1', 't1.nii.gz'))).toMatchObject({
        mask: path.join(around, 's1', 'brain.nii.gz'),
        site: 'bonn',
      })
      const other = await only(path.join(around, 's1', 'other.nii.gz'))
      expect([other.mask, other.site, other.warnings]).toEqual([undefined, 'n/a', []])
      writeFileSync(path.join(around, 'dataset.tsv'), 'no table')
      const broken = await only(path.join(around, 's1', 't1.nii.gz'))
      expect(broken.warnings).toEqual([expect.stringMatching(/the dataset around it cannot be read/)])
    })
  })

  it('tells images by their modality that have one BIDS name', async () => {
    for (const kind of ['first', 'second']) {
      mkdirSync(path.join(folder, kind))
      writeFileSync(path.join(folder, kind, 'sub-1_T1w.nii.gz'), '')
    }
    const word = ['first', 'second'].map((kind) => path.join(folder, kind, 'sub-1_T1w.nii.gz')).join(',')
    const {
      inputs: [input],
    } = await readInputs([word], [], ['a', 'b'])
    expect(input!.names.normalized).toEqual(['sub-1_T1w_a_desc-norm', 'sub-1_T1w_b_desc-norm'])
  })

  it('keeps subjects of a table apart whose files have equal names', async () => {
    const root = path.join(folder, 'table')
    for (const site of ['x', 'y']) {
      mkdirSync(path.join(root, site), { recursive: true })
      writeFileSync(path.join(root, site, 'T1.nii.gz'), '')
    }
    writeFileSync(
      path.join(root, 'dataset.tsv'),
      'participant_id\tsite\tT1w\tsplit\np1\tA\tx/T1.nii.gz\ttest\np2\tB\ty/T1.nii.gz\ttrain\n',
    )
    const { inputs } = await readInputs([path.join(root, 'dataset.tsv')], [], ['T1w'])
    expect(inputs.map(({ names, site, split }) => [names.folder, names.base, site, split])).toEqual([
      ['A/p1', 'T1', 'A', 'test'],
      ['B/p2', 'T1', 'B', 'train'],
    ])
  })
})
