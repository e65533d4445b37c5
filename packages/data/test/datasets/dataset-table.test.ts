import { describe, expect, it } from 'vitest'
import { requireModalities, sitesOf } from '../../src/datasets/dataset.ts'
import { parseDatasetTable } from '../../src/datasets/dataset-table.ts'
import { DataError } from '../../src/errors.ts'

const TABLE = [
  'participant_id\tsite\tage\tT1w\tT2w\tlabel\tmask\tsplit',
  'a\tnorth\t3\tn/a.nii\tn/a\tl.nii\tm.nii\ttrain',
  'a\tsouth\t4\tx/a.nii.gz\tx/b.nii.gz\tn/a\tn/a\tn/a',
].join('\n')

function parse(text: string) {
  return parseDatasetTable(text, 'dataset.tsv')
}

describe('parseDatasetTable', () => {
  it('reads rows, taking columns with image files for modalities', () => {
    const dataset = parse(TABLE)
    expect(dataset.modalities).toEqual(['T1w', 'T2w'])
    expect(dataset.subjects).toEqual([
      { id: 'a', site: 'north', images: { T1w: 'n/a.nii' }, label: 'l.nii', mask: 'm.nii', split: 'train' },
      { id: 'a', site: 'south', images: { T1w: 'x/a.nii.gz', T2w: 'x/b.nii.gz' } },
    ])
    expect(sitesOf(dataset.subjects)).toEqual(['north', 'south'])
  })

  it('joins the session to the participant', () => {
    const dataset = parse('participant_id\tsession_id\tsite\tFLAIR\na\tses-1\ts\tf.mgz\na\tses-2\ts\tg.mgz\n')
    expect(dataset.subjects.map((subject) => subject.id)).toEqual(['a_ses-1', 'a_ses-2'])
  })

  it.each([
    ['participant_id\tT1w\na\ta.nii\n', 'no column site'],
    ['participant_id\tsite\tlabel\na\ts\ta.nii\n', 'No column of the table names image files'],
    ['participant_id\tsite\tT1w\na\ts\ta.nii\na\ts\tb.nii\n', 'participant a of site s occurs twice'],
    ['participant_id\tsite\tT1w\n', 'No column of the table names image files'],
  ])('refuses %j', (text, message) => {
    expect(() => parse(text)).toThrow(DataError)
    expect(() => parse(text)).toThrow(`dataset.tsv: ${message.startsWith('participant') ? 'The ' : ''}`)
    expect(() => parse(text)).toThrow(message)
  })
})

describe('a row that cannot be used', () => {
  it.each([
    ['participant_id\tsite\tT1w\na\tn/a\ta.nii\n', 'Line 2 has no site'],
    ['participant_id\tsite\tT1w\na\ts\ta.nii\nb\ts\tn/a\n', 'Line 3 (b) has no image'],
    ['participant_id\tsite\tT1w\tsplit\na\ts\ta.nii\tval\n', 'Line 2 (a) has the split "val"'],
    ['participant_id\tsite\tT1w\na\ts\ta.nii\nb\ts\n', 'Line 3 has 2 cells'],
  ])('is a problem of its subject alone, and an error for a training: %j', (text, message) => {
    const dataset = parse(text)
    const problems = dataset.subjects.flatMap(({ problem }) => problem?.message ?? [])
    expect(problems).toEqual([expect.stringContaining(message)])
    expect(() => requireModalities(dataset, ['T1w'])).toThrow(message)
  })
})

describe('requireModalities', () => {
  it('names an absent column and a participant without the image', () => {
    const dataset = parse(TABLE)
    expect(() => requireModalities(dataset, ['T1w'])).not.toThrow()
    expect(() => requireModalities(dataset, ['T1w', 'FLAIR'])).toThrow(
      'no images of modality FLAIR.\n  fix: set data.modalities to some of T1w, T2w',
    )
    expect(() => requireModalities(dataset, ['T2w'])).toThrow('participant a of site north has no T2w image')
  })
})

it('takes a given site for rows that name none', () => {
  const { subjects } = parseDatasetTable('participant_id\tT1w\na\ta.nii\n', 'dataset.tsv', 'n/a')
  expect(subjects).toMatchObject([{ id: 'a', site: 'n/a' }])
  const own = parseDatasetTable('participant_id\tsite\tT1w\na\ts\ta.nii\nb\tn/a\tb.nii\n', 'dataset.tsv', 'x')
  expect(sitesOf(own.subjects)).toEqual(['s', 'x'])
})
