import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ConfigError, DataError } from '@voxnorm/data'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openCohort, subjectsOf } from '../src/subjects.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-cohort-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Creates empty files: finding subjects looks at names only. */
function touch(...names: string[]): void {
  for (const name of names) {
    const file = path.join(folder, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, '')
  }
}

const NATIVE = { labels: undefined, sites: undefined, seed: 42 }
const data = (...names: string[]) =>
  names.map((name) => name.replace(/[^=]+$/, (place) => path.join(folder, place)))

function writeNative(): void {
  for (let person = 1; person <= 10; person++) {
    touch(...['T1', 'T2', 'label'].map((kind) => `iseg/subject-${person}-${kind}.hdr`))
    touch(...['T1', 'T2', 'label'].map((kind) => `iseg/subject-${person}-${kind}.img`))
  }
  for (let person = 1; person <= 5; person++) {
    const files = [
      'T1.nii',
      'T1_1mm.nii',
      'T1_IR.nii',
      'T2_FLAIR.nii',
      'LabelsForTesting.nii',
      'LabelsForTraining.nii',
    ]
    touch(...files.map((file) => `mrbrains/TrainingData/${person}/${file}`))
  }
  for (const subject of ['NYU_001', 'NYU_002', 'UCLA_003', 'UCLA_004', 'KKI_005']) {
    touch(`abide/${subject}/mri/brainmask.mgz`, `abide/${subject}/mri/aparc+aseg.mgz`)
  }
}

describe('the data sets of the paper as they are distributed', () => {
  beforeEach(writeNative)

  it('are one site each, in the order given, with the T2-FLAIR of MRBrainS in the place of a T2', async () => {
    const cohort = await openCohort({
      ...NATIVE,
      data: data('iSEG=iseg', 'MRBrainS=mrbrains', 'ABIDE=abide'),
    })
    expect(cohort.sites).toEqual(['iSEG', 'MRBrainS', 'ABIDE'])
    expect(cohort.modalities.slice(0, 2)).toEqual(['T1w', 'T2w'])
    const counts = cohort.sites.map(
      (site) => cohort.subjects.filter((subject) => subject.site === site).length,
    )
    expect(counts).toEqual([10, 5, 5])
    const mrbrains = cohort.subjects.find(({ site }) => site === 'MRBrainS')!
    expect(path.basename(mrbrains.images.T2w!)).toBe('T2_FLAIR.nii')
    // Label numbers of each layout stay with its subjects.
    expect(new Set(cohort.subjects.map(({ labels }) => JSON.stringify(labels))).size).toBe(3)
  })

  it('give every subject one split for all runs, the same for the same seed', async () => {
    const open = () => openCohort({ ...NATIVE, data: data('iSEG=iseg', 'MRBrainS=mrbrains') })
    const [first, second] = [await open(), await open()]
    expect(second.subjects).toEqual(first.subjects)
    expect(subjectsOf(first, ['iSEG', 'MRBrainS'], 'test', 1).map(({ site }) => site)).toEqual([
      'iSEG',
      'MRBrainS',
    ])
    expect(subjectsOf(first, ['iSEG'], 'train', 99)).toHaveLength(6)
  })

  it('can be cut down to some sites in another order', async () => {
    const all = data('iSEG=iseg', 'MRBrainS=mrbrains', 'ABIDE=abide')
    const cohort = await openCohort({ ...NATIVE, data: all, sites: ['ABIDE', 'iSEG'] })
    expect(cohort.sites).toEqual(['ABIDE', 'iSEG'])
    expect(new Set(cohort.subjects.map(({ site }) => site))).toEqual(new Set(['ABIDE', 'iSEG']))
    // ABIDE has T1w only.
    expect(cohort.modalities).toEqual(['T1w'])
  })

  it('are refused when a site is missing, alone, or without labels', async () => {
    await expect(openCohort({ ...NATIVE, data: data('iSEG=iseg') })).rejects.toThrow(ConfigError)
    const two = data('iSEG=iseg', 'MRBrainS=mrbrains')
    await expect(openCohort({ ...NATIVE, data: two, sites: ['iSEG', 'Mars'] })).rejects.toThrow(
      '--sites names Mars, which is no site of the data',
    )
    touch('iseg/subject-11-T1.hdr', 'iseg/subject-11-T1.img')
    await expect(openCohort({ ...NATIVE, data: two })).rejects.toThrow(DataError)
  })
})

it('refuses a site that has nobody to test on', async () => {
  const rows = ['a', 'b'].flatMap((site) =>
    ['1', '2'].map((id) => `${site}${id}\t${site}\t${id}.nii\t${id}.nii\ttrain`),
  )
  touch('1.nii', '2.nii')
  writeFileSync(
    path.join(folder, 'd.tsv'),
    `${['participant_id\tsite\tT1w\tlabel\tsplit', ...rows].join('\n')}\n`,
  )
  await expect(openCohort({ ...NATIVE, data: data('d.tsv') })).rejects.toThrow(
    'the site a has no test subject',
  )
})

describe('participants of the same name', () => {
  const table = (name: string, sites: readonly string[]) => {
    const rows = sites.flatMap((site) =>
      ['1', '2', '3'].map((id) => `${id}\t${site}\t${site}${id}.nii\t${site}${id}.nii`),
    )
    touch(...sites.flatMap((site) => ['1', '2', '3'].map((id) => `${site}${id}.nii`)))
    writeFileSync(path.join(folder, name), `${['participant_id\tsite\tT1w\tlabel', ...rows].join('\n')}\n`)
  }

  it('stay apart when their scanners become one site', async () => {
    table('many.tsv', ['x', 'y'])
    table('one.tsv', ['z'])
    const cohort = await openCohort({ ...NATIVE, data: data('A=many.tsv', 'B=one.tsv') })
    const ids = cohort.subjects.filter(({ site }) => site === 'A').map(({ id }) => id)
    expect(ids).toEqual(['x_1', 'x_2', 'x_3', 'y_1', 'y_2', 'y_3'])
  })

  it('are refused at one site of two data sets', async () => {
    table('first.tsv', ['x'])
    table('second.tsv', ['x', 'y'])
    await expect(openCohort({ ...NATIVE, data: data('first.tsv', 'second.tsv') })).rejects.toThrow(
      'the participant 1 of site x is in two of the data sets',
    )
    await expect(openCohort({ ...NATIVE, data: data('second.tsv'), sites: ['x', 'x'] })).rejects.toThrow(
      '--sites names x twice',
    )
  })
})
