import { describe, expect, it } from 'vitest'
import { compareNaturally, type FileTree, type LayoutOptions } from '../../src/datasets/file-tree.ts'
import { readLayout } from '../../src/datasets/layouts.ts'
import { DataError } from '../../src/errors.ts'

/** A folder in memory: names alone, or with the text of the file. */
function tree(files: Record<string, string> | readonly string[]): FileTree {
  const texts = new Map(Array.isArray(files) ? files.map((file) => [file, '']) : Object.entries(files))
  return {
    name: 'data',
    files: [...texts.keys()].sort(),
    readText: (path) => Promise.resolve(texts.get(path)!),
  }
}

function read(files: Record<string, string> | readonly string[], options: LayoutOptions = {}) {
  return readLayout(tree(files), options)
}

describe('native layouts', () => {
  it('reads the flat folder of iSEG-2017 in natural order', async () => {
    const files = ['10', '2', '1'].flatMap((n) =>
      ['T1', 'T2', 'label'].flatMap((kind) => [`subject-${n}-${kind}.hdr`, `subject-${n}-${kind}.img`]),
    )
    const dataset = await read([...files, 'subject-11-T1.hdr', 'subject-11-T2.hdr', 'readme.txt'])
    expect(dataset.subjects.map((subject) => subject.id)).toEqual([
      'subject-1',
      'subject-2',
      'subject-10',
      'subject-11',
    ])
    expect(dataset.subjects[2]).toEqual({
      id: 'subject-10',
      site: 'iSEG',
      images: { T1w: 'subject-10-T1.hdr', T2w: 'subject-10-T2.hdr' },
      label: 'subject-10-label.hdr',
      labels: 'iseg',
    })
    expect(dataset.subjects[3]!.label).toBeUndefined()
  })

  const MRBRAINS = ['1', '2'].flatMap((n) =>
    ['T1', 'T1_1mm', 'T1_IR', 'T2_FLAIR', 'LabelsForTesting', 'LabelsForTraining'].map(
      (name) => `TrainingData/${n}/${name}.nii`,
    ),
  )

  it('reads MRBrainS13 with the three tissues as label and mask', async () => {
    const dataset = await read(MRBRAINS)
    expect(dataset.modalities).toEqual(['T1w', 'T1IR', 'FLAIR'])
    expect(dataset.subjects[1]).toEqual({
      id: '2',
      site: 'MRBrainS',
      images: {
        T1w: 'TrainingData/2/T1.nii',
        T1IR: 'TrainingData/2/T1_IR.nii',
        FLAIR: 'TrainingData/2/T2_FLAIR.nii',
      },
      label: 'TrainingData/2/LabelsForTesting.nii',
      mask: 'TrainingData/2/LabelsForTesting.nii',
      labels: 'mrbrains13-testing',
    })
  })

  it('takes the eight structures of MRBrainS13 on request', async () => {
    const [subject] = (await read(MRBRAINS, { labels: 'mrbrains13' })).subjects
    expect(subject).toMatchObject({
      label: 'TrainingData/1/LabelsForTraining.nii',
      mask: 'TrainingData/1/LabelsForTesting.nii',
      labels: 'mrbrains13',
    })
  })

  it('reads ABIDE with the site before the last underscore', async () => {
    const dataset = await read([
      'Leuven_1_0050682/mri/brainmask.mgz',
      'Leuven_1_0050682/mri/aparc+aseg.mgz',
      'NYU_0050952/mri/brainmask.mgz',
      'NYU_0050952/mri/orig.mgz',
    ])
    expect(dataset.subjects).toEqual([
      {
        id: 'Leuven_1_0050682',
        site: 'Leuven_1',
        images: { T1w: 'Leuven_1_0050682/mri/brainmask.mgz' },
        label: 'Leuven_1_0050682/mri/aparc+aseg.mgz',
        labels: 'freesurfer',
      },
      { id: 'NYU_0050952', site: 'NYU', images: { T1w: 'NYU_0050952/mri/brainmask.mgz' } },
    ])
  })

  it('joins sub-folders of different layouts', async () => {
    const dataset = await read([
      ...MRBRAINS.map((path) => `mrbrains/${path}`),
      'iseg/subject-1-T1.img',
      'iseg/subject-1-T1.hdr',
    ])
    expect(dataset.subjects.map(({ id, site }) => `${site} ${id}`)).toEqual([
      'iSEG subject-1',
      'MRBrainS 1',
      'MRBrainS 2',
    ])
    expect(dataset.subjects[1]!.mask).toBe('mrbrains/TrainingData/1/LabelsForTesting.nii')
  })

  it('explains a folder that it does not know', async () => {
    await expect(read(['a.nii', 'x/b.nii'])).rejects.toThrow(DataError)
    await expect(read([])).rejects.toThrow('data: The folder is none of the known layouts')
  })
})

describe('BIDS', () => {
  it('finds images, labels and masks, beside the scan or in derivatives', async () => {
    const dataset = await read({
      'dataset_description.json': '{}',
      'participants.tsv': 'participant_id\tage\tSITE\tsplit\nsub-01\t5\toslo\ttest\n02\t6\tbonn\tn/a\n',
      'sub-01/anat/sub-01_T1w.nii.gz': '',
      'sub-01/anat/sub-01_T2w.nii.gz': '',
      'sub-01/anat/sub-01_dseg.nii.gz': '',
      'sub-01/func/sub-01_task-rest_bold.nii.gz': '',
      'sub-02/ses-b/anat/sub-02_ses-b_T1w.nii': '',
      'derivatives/fmriprep/sub-02/ses-b/anat/sub-02_ses-b_desc-brain_mask.nii.gz': '',
      'derivatives/fmriprep/sub-02/ses-b/anat/sub-02_ses-b_dseg.nii.gz': '',
      'derivatives/fmriprep/sub-02/ses-b/anat/sub-02_ses-b_space-MNI_dseg.nii.gz': '',
    })
    expect(dataset.warnings).toEqual([])
    expect(dataset.subjects).toEqual([
      {
        id: 'sub-01',
        site: 'oslo',
        images: { T1w: 'sub-01/anat/sub-01_T1w.nii.gz', T2w: 'sub-01/anat/sub-01_T2w.nii.gz' },
        label: 'sub-01/anat/sub-01_dseg.nii.gz',
        split: 'test',
      },
      {
        id: 'sub-02_ses-b',
        site: 'bonn',
        images: { T1w: 'sub-02/ses-b/anat/sub-02_ses-b_T1w.nii' },
        label: 'derivatives/fmriprep/sub-02/ses-b/anat/sub-02_ses-b_dseg.nii.gz',
        mask: 'derivatives/fmriprep/sub-02/ses-b/anat/sub-02_ses-b_desc-brain_mask.nii.gz',
      },
    ])
  })

  it('warns when several runs compete and reads the site from the sidecar', async () => {
    const dataset = await read({
      'sub-1/anat/sub-1_run-1_T1w.nii': '',
      'sub-1/anat/sub-1_run-1_T1w.json': '{"InstitutionName": "UCL"}',
      'sub-1/anat/sub-1_run-2_T1w.nii': '',
    })
    expect(dataset.subjects[0]).toMatchObject({
      site: 'UCL',
      images: { T1w: 'sub-1/anat/sub-1_run-1_T1w.nii' },
    })
    expect(dataset.warnings).toEqual(['sub-1 has 2 files for T1w; sub-1/anat/sub-1_run-1_T1w.nii is used.'])
  })

  it('makes a subject of every run on request, each with its label and its partner', async () => {
    const names = ['run-1_T1w', 'run-2_T1w', 'run-2_T2w', 'T2w', 'run-2_dseg']
    const files = names.map((name) => `sub-1/anat/sub-1_${name}.nii`)
    const { subjects, warnings } = await read(files, { site: 'x', everyRunOf: ['T1w', 'T2w'] })
    expect(subjects.map(({ id, images, label }) => [id, images['T1w'], images['T2w'], label])).toEqual([
      ['sub-1_run-1', files[0], files[3], undefined],
      ['sub-1_run-2', files[1], files[2], files[4]],
    ])
    expect(warnings).toEqual([])
  })

  it('takes the scanner for the site where no institution is named, by the inheritance of sidecars', async () => {
    const dataset = await read({
      'T1w.json': '{"Manufacturer": "Siemens", "MagneticFieldStrength": 3}',
      'T2w.json': '{"InstitutionName": "elsewhere"}',
      'sub-1/anat/sub-1_T1w.nii': '',
      'sub-1/sub-1_T1w.json': '{"ManufacturersModelName": "Prisma"}',
      'sub-2/anat/sub-2_acq-fast_T1w.nii': '',
      'sub-2/anat/sub-2_T1w.json': '{"MagneticFieldStrength": 1.5}',
      'sub-2/anat/sub-2_acq-slow_T1w.json': '{"InstitutionName": "of another scan"}',
    })
    expect(dataset.subjects.map(({ site }) => site)).toEqual(['Siemens Prisma 3T', 'Siemens 1.5T'])
  })

  it('asks for the site when nothing names it, unless one is given', async () => {
    const files = ['sub-1/anat/sub-1_T1w.nii']
    await expect(read(files)).rejects.toThrow('from which site sub-1 is')
    expect((await read(files, { site: 'n/a' })).subjects[0]!.site).toBe('n/a')
  })

  it('reads sidecars with a byte-order mark or numbers that JSON has no words for', async () => {
    const dataset = await read({
      'sub-1/anat/sub-1_T1w.nii': '',
      'sub-1/anat/sub-1_T1w.json': '\uFEFF{"InstitutionName": "inf, NaN", "EchoTime": -Infinity}',
      'sub-2/anat/sub-2_T1w.nii': '',
      'sub-2/anat/sub-2_T1w.json': '{"Times": [inf, 1, NaN], "InstitutionName": "Oslo"}',
    })
    expect(dataset.subjects.map(({ site }) => site)).toEqual(['inf, NaN', 'Oslo'])
    expect(dataset.warnings).toEqual([])
  })

  it.each(['{"InstitutionName": ', '[1]'])('needs no sidecar %j where no site is needed', async (text) => {
    const files = {
      'T1w.json': text,
      'sub-1/anat/sub-1_T1w.nii': '',
      'sub-2/anat/sub-2_T1w.nii': '',
    }
    const { subjects, warnings } = await read(files, { site: 'n/a' })
    expect(subjects.map(({ site }) => site)).toEqual(['n/a', 'n/a'])
    expect(warnings).toEqual([expect.stringContaining('data/T1w.json')])
    await expect(read(files)).rejects.toThrow(/from which site sub-1 is, and T1w.json cannot be read/)
  })

  it('needs no table of participants where no site is needed', async () => {
    const files = { 'participants.tsv': 'a,b\n', 'sub-1/anat/sub-1_T1w.nii': '' }
    const { subjects, warnings } = await read(files, { site: 'n/a' })
    expect(subjects).toHaveLength(1)
    expect(warnings).toEqual([expect.stringContaining('data/participants.tsv')])
    await expect(read(files)).rejects.toThrow('no tabs')
  })

  it('names the sites of a collection by its folders', async () => {
    const dataset = await read(['oslo/sub-1/anat/sub-1_T1w.nii', 'bonn/sub-1/anat/sub-1_T1w.nii'])
    expect(dataset.subjects.map(({ site, id }) => `${site} ${id}`)).toEqual(['bonn sub-1', 'oslo sub-1'])
  })

  it('never takes its own predictions for reference labels', async () => {
    const raw = 'sub-1/anat/sub-1_T1w.nii'
    const own = ['desc-norm_T1w', 'dseg'].map((name) => `derivatives/ours/sub-1/anat/sub-1_${name}.nii`)
    const byHand = 'derivatives/zoe/sub-1/anat/sub-1_dseg.nii'
    expect((await read([raw, ...own], { site: 'x' })).subjects[0]!.label).toBeUndefined()
    const both = await read([raw, ...own, byHand], { site: 'x' })
    expect(both.subjects[0]!.label).toBe(byHand)
    expect(both.warnings).toEqual([])
  })
})

describe('nnU-Net raw', () => {
  const FILES = {
    'dataset.json': JSON.stringify({
      channel_names: { 0: 'T1', 1: 'T2' },
      labels: { background: 0, CSF: 1, 'gray matter': 2, WM: 3 },
      file_ending: '.nii.gz',
    }),
    'sites.tsv': 'case\tsite\tsplit\nBRAIN_001\ta\ttrain\nBRAIN_002\tb\tn/a\n',
    'imagesTr/BRAIN_001_0000.nii.gz': '',
    'imagesTr/BRAIN_001_0001.nii.gz': '',
    'labelsTr/BRAIN_001.nii.gz': '',
    'imagesTr/BRAIN_002_0000.nii.gz': '',
    'imagesTs/BRAIN_009_0000.nii.gz': '',
  }

  it('reads channels, sites, splits and the label numbers', async () => {
    const dataset = await read(FILES)
    expect(dataset.subjects).toEqual([
      {
        id: 'BRAIN_001',
        site: 'a',
        images: { T1w: 'imagesTr/BRAIN_001_0000.nii.gz', T2w: 'imagesTr/BRAIN_001_0001.nii.gz' },
        label: 'labelsTr/BRAIN_001.nii.gz',
        split: 'train',
        labels: { BG: [0], CSF: [1], GM: [2], WM: [3] },
      },
      {
        id: 'BRAIN_002',
        site: 'b',
        images: { T1w: 'imagesTr/BRAIN_002_0000.nii.gz' },
        labels: { BG: [0], CSF: [1], GM: [2], WM: [3] },
      },
    ])
  })

  const withLabels = (labels: unknown) => ({
    ...FILES,
    'dataset.json': JSON.stringify({ channel_names: { 0: 'T1', 1: 'T2' }, labels }),
  })

  it.each([
    [
      { Background: 0, csf: 1, gray: 2, 'White Matter': 3 },
      { BG: [0], CSF: [1], GM: [2], WM: [3] },
    ],
    [
      { 0: 'background', 1: 'WM', 2: 'grey_matter', 3: 'CSF' },
      { BG: [0], CSF: [3], GM: [2], WM: [1] },
    ],
    [
      { background: 0, CSF: [1, 5], GM: 2, WM: [3, 4], ignore: 6 },
      { BG: [0], CSF: [1, 5], GM: [2], WM: [3, 4], ignore: [6] },
    ],
  ])('understands the labels %j', async (labels, expected) => {
    expect((await read(withLabels(labels))).subjects[0]!.labels).toEqual(expected)
  })

  const SOUND = { background: 0, CSF: 1, GM: 2, WM: 3 }
  it.each([
    [{ ...SOUND, tumour: 4 }, 'hold "tumour" (4)'],
    [{ ...SOUND, 'whole brain': [1, 2, 3] }, 'hold "whole brain" (1, 2, 3)'],
    [{ background: 0, CSF: 1, 'cortical gray matter': 2, WM: 3 }, 'hold "cortical gray matter" (2)'],
    [{ background: 0, GM: 1, WM: 2 }, 'no number for CSF'],
    [{ ...SOUND, white: 2 }, 'lists 2 for GM and for WM'],
    [{ ...SOUND, ignore: 3 }, 'lists 3 for WM and as ignored'],
    [{ ...SOUND, CSF: null }, 'give "CSF" no whole number'],
    [{ ...SOUND, CSF: [] }, 'give "CSF" no whole number'],
    ['CSF', 'are no object'],
  ])('refuses the labels %j unless something else decides', async (labels, message) => {
    const attempt = read(withLabels(labels))
    await expect(attempt).rejects.toThrow(DataError)
    await expect(attempt).rejects.toThrow(message)
    for (const decided of ['paper', 'unread'] as const) {
      expect((await read(withLabels(labels), { labels: decided })).subjects[0]!.labels).toBeUndefined()
    }
  })

  it('leaves the convention open without labels', async () => {
    expect((await read(withLabels(undefined))).subjects[0]!.labels).toBeUndefined()
  })

  it.each([
    [{ 'dataset.json': '{' }, 'data/dataset.json: The file is not valid JSON'],
    [{ 'dataset.json': '[]' }, 'does not hold a JSON object'],
    [{ 'dataset.json': '{}' }, 'needs channel_names'],
    [{ 'sites.tsv': 'case\tplace\nBRAIN_001\ta\n' }, 'needs the columns case and site'],
    [{ 'sites.tsv': 'case\tsite\nBRAIN_001\ta\n' }, 'no row for the case BRAIN_002'],
    [{ 'imagesTr/BRAIN_001_0007.nii.gz': '' }, 'BRAIN_001_0007.nii.gz: The file is not named'],
  ])('refuses %j', async (change, message) => {
    await expect(read({ ...FILES, ...change } as Record<string, string>)).rejects.toThrow(message)
  })

  it('asks for sites.tsv, unless a site is given', async () => {
    const { 'sites.tsv': _, ...files } = FILES
    await expect(read(files)).rejects.toThrow('add a tab-separated sites.tsv')
    const { subjects } = await read(files, { site: 'n/a' })
    expect(subjects.map(({ id, site, split }) => [id, site, split])).toEqual([
      ['BRAIN_001', 'n/a', undefined],
      ['BRAIN_002', 'n/a', undefined],
      ['BRAIN_009', 'n/a', 'test'],
    ])
  })

  it('tests with the cases of imagesTs that the table names', async () => {
    const named = `${FILES['sites.tsv']}BRAIN_009\tb\tn/a\n`
    const dataset = await read({ ...FILES, 'sites.tsv': named, 'labelsTs/BRAIN_009.nii.gz': '' })
    expect(dataset.warnings).toEqual([])
    expect(dataset.subjects[2]).toMatchObject({
      id: 'BRAIN_009',
      site: 'b',
      split: 'test',
      images: { T1w: 'imagesTs/BRAIN_009_0000.nii.gz' },
      label: 'labelsTs/BRAIN_009.nii.gz',
    })
    expect((await read(FILES)).warnings).toEqual([
      'imagesTs without a row in sites.tsv are left out: BRAIN_009.',
    ])
  })
})

describe('compareNaturally', () => {
  it('orders runs of digits by value', () => {
    const names = ['s10', 's9', 's1b', 's1', 'r20', '3', '']
    expect(names.sort(compareNaturally)).toEqual(['', '3', 'r20', 's1', 's1b', 's9', 's10'])
  })
})
