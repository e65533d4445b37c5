import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireFiles } from '../../src/datasets/dataset.ts'
import { DataError, MissingInputError } from '../../src/errors.ts'
import type { LabelSpecification } from '../../src/labels.ts'
import { openDataset, readDatasetTable } from '../../src/node/dataset.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxnorm-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function write(path: string, text = ''): Promise<string> {
  const file = join(folder, path)
  await mkdir(resolve(file, '..'), { recursive: true })
  await writeFile(file, text)
  return file
}

describe('openDataset', () => {
  it('resolves the paths of a table against its folder', async () => {
    await write('table/x/a.nii')
    const table = await write('table/dataset.tsv', 'participant_id\tsite\tT1w\na\ts\tx/a.nii\n')
    const dataset = await openDataset(table)
    expect(dataset.subjects[0]!.images).toEqual({ T1w: join(folder, 'table/x/a.nii') })
    expect((await openDataset(join(folder, 'table'))).subjects).toEqual(dataset.subjects)
  })

  it('marks missing files, and names them where they are needed', async () => {
    const table = await write('missing.tsv', 'participant_id\tsite\tT1w\tmask\na\ts\tx/a.nii\tm.nii\n')
    const { subjects } = await readDatasetTable(table)
    expect(subjects[0]!.missing).toEqual([join(folder, 'x/a.nii'), join(folder, 'm.nii')])
    expect(() => requireFiles(subjects)).toThrow(MissingInputError)
    expect(() => requireFiles(subjects)).toThrow(
      `${join(folder, 'x/a.nii')}: The file, named for participant a`,
    )
    const three = [0, 1, 2].map((id) => ({ ...subjects[0]!, id: `a${id}` }))
    expect(() => requireFiles(three)).toThrow(/^6 files of 3 subjects .* and 3 more\./)
    await expect(openDataset(join(folder, 'nowhere'))).rejects.toThrow(MissingInputError)
  })

  it('lists folders on disk and applies what was asked for', async () => {
    await write('iseg/subject-1-T1.hdr')
    await write('iseg/subject-1-label.hdr')
    const dataset = await openDataset(join(folder, 'iseg'), { labels: 'paper', modalities: ['T1w'] })
    expect(dataset.subjects).toEqual([
      {
        id: 'subject-1',
        site: 'iSEG',
        images: { T1w: join(folder, 'iseg/subject-1-T1.hdr') },
        label: join(folder, 'iseg/subject-1-label.hdr'),
        labels: 'paper',
      },
    ])
    await expect(openDataset(join(folder, 'iseg'), { modalities: ['T2w'] })).rejects.toThrow(DataError)
  })

  it('follows links to folders but not in a circle, and marks links to nothing', async () => {
    await write('origin/sub-1/anat/sub-1_T1w.nii')
    await write('linked/participants.tsv', 'participant_id\tsite\nsub-1\ta\nsub-2\tb\n')
    await mkdir(join(folder, 'linked/sub-2/anat'), { recursive: true })
    await symlink('../origin/sub-1', join(folder, 'linked/sub-1'))
    await symlink('..', join(folder, 'linked/sub-2/again'))
    const dangling = join(folder, 'linked/sub-2/anat/sub-2_T1w.nii')
    await symlink('nowhere', dangling)
    const { subjects, warnings } = await openDataset(join(folder, 'linked'))
    expect(subjects.map(({ id, missing }) => [id, missing])).toEqual([
      ['sub-1', undefined],
      ['sub-2', [dangling]],
    ])
    expect(warnings).toEqual([expect.stringMatching(/^The link sub-2\/again leads in a circle/)])
  })

  it('says that a table in UTF-16 has the wrong encoding', async () => {
    const table = join(folder, 'wide.tsv')
    await writeFile(table, Buffer.from('\uFEFFparticipant_id\tsite\tT1w\na\ts\ta.nii\n', 'utf16le'))
    await expect(openDataset(table)).rejects.toThrow(/not text in UTF-8, but probably in UTF-16/)
  })
})

describe('the label convention', () => {
  const labelsOf = async (place: string, labels?: LabelSpecification | 'unread') => {
    const { subjects } = await openDataset(join(folder, place), labels === undefined ? {} : { labels })
    return subjects.map((subject) => subject.labels)
  }

  it('is what the user says in every layout, before what the data say', async () => {
    await write('all/abide/NYU_1/mri/brainmask.mgz')
    await write('all/abide/NYU_1/mri/aparc+aseg.mgz')
    await write('all/mrbrains/1/T1.nii')
    await write('all/mrbrains/1/T2_FLAIR.nii')
    await write('all/mrbrains/1/LabelsForTesting.nii')
    await write('all/nnunet/imagesTr/c_0000.nii.gz')
    await write('all/nnunet/labelsTr/c.nii.gz')
    const labels = { background: 0, CSF: 1, GM: 2, WM: 3 }
    await write('all/nnunet/dataset.json', JSON.stringify({ channel_names: { 0: 'T1' }, labels }))
    await write('all/table/dataset.tsv', 'participant_id\tsite\tT1w\tlabel\na\ts\ti.nii\tl.nii\n')
    await write('all/table/i.nii')
    await write('all/table/l.nii')
    const map = { BG: [0], CSF: [1], GM: [2], WM: [3] }
    expect(await labelsOf('all')).toEqual(['freesurfer', 'mrbrains13-testing', map, undefined])
    const asked = 'freesurfer-cerebrum'
    expect(await labelsOf('all', asked)).toEqual([asked, asked, asked, asked])
  })

  it('is read beside the label files of tables and BIDS folders, when they are wanted', async () => {
    const fast = 'index\tname\n1\tCSF\n2\tGM\n3\tWM\n'
    await write('bids/participants.tsv', 'participant_id\tsite\nsub-1\ta\n')
    await write('bids/sub-1/anat/sub-1_T1w.nii')
    await write('bids/derivatives/fast/sub-1/anat/sub-1_dseg.nii')
    expect(await labelsOf('bids')).toEqual([undefined])
    await write('bids/derivatives/fast/dseg.tsv', fast)
    expect(await labelsOf('bids')).toEqual([{ CSF: [1], GM: [2], WM: [3] }])
    await write('bids/derivatives/fast/dseg.tsv', 'index\tname\n1\tliver\n')
    await expect(labelsOf('bids')).rejects.toThrow(DataError)
    expect(await labelsOf('bids', 'unread')).toEqual([undefined])
    expect(await labelsOf('bids', 'bids')).toEqual(['bids'])
  })
})

const shared = existsSync('../shared/data/multisite/dataset.tsv')
describe.skipIf(!shared)('the multi-site table (needs ../shared)', () => {
  it('opens with its three sites and splits', async () => {
    const { subjects, modalities } = await openDataset('../shared/data/multisite/dataset.tsv')
    expect(subjects).toHaveLength(33)
    expect(modalities).toContain('T1w')
    const count = (site: string, split: string) =>
      subjects.filter((subject) => subject.site === site && subject.split === split).length
    expect(['infant', 'oasis', 'nsk'].map((site) => count(site, 'train'))).toEqual([12, 6, 5])
    expect(['infant', 'oasis', 'nsk'].map((site) => count(site, 'test'))).toEqual([2, 2, 2])
  })
})
