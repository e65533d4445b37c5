import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { makeLabelVolume, makeVolume, type Shape3 } from '@voxnorm/data'
import { loadSubject, writeVolumeFile } from '@voxnorm/data/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../src/config/parse-config.ts'
import type { Config } from '../src/config/schema.ts'
import { openTrainingData } from '../src/node/training-data.ts'
import { datasetRecord, loadRun, planRun } from '../src/training/prepare-run.ts'
import { openTestLog } from './log.ts'
import { stopWhen } from './prediction/examples.ts'

const log = openTestLog()
const SHAPE: Shape3 = [4, 4, 4]
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-prepare-'))
  mkdirSync(path.join(folder, 'images'))
  const data = Float32Array.from({ length: 64 }, (_, index) => (index < 16 ? 0 : index))
  const labels = Uint8Array.from({ length: 64 }, (_, index) =>
    index < 16 ? 0 : index === 63 ? 30 : 10 * (1 + (index % 2)),
  )
  await writeVolumeFile(path.join(folder, 'images', 'i.nii'), makeVolume(SHAPE, data))
  await writeVolumeFile(path.join(folder, 'images', 'l.nii'), makeLabelVolume(SHAPE, labels))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const config = (rows: readonly string[], extra = '', fold?: string) => {
  const table = path.join(folder, 'dataset.tsv')
  writeFileSync(table, ['participant_id\tsite\tT1w\tlabel\tsplit', ...rows, ''].join('\n'))
  return parseConfig(
    `preset: tiny\ndata: {table: ${table}, voxelSize: 1, maskFrom: positive, labels: {CSF: 10, GM: 20, WM: 30}}\n${extra}`,
    'run.yaml',
    { fold },
  )
}
const row = (id: string, site: string, split: string, label = 'images/l.nii') =>
  [id, site, 'images/i.nii', label, split].join('\t')

/** The plan for the data that a configuration names. */
const planOf = async (settings: Config) => planRun(settings, await openTrainingData(settings))

describe('planRun and loadRun', () => {
  it('reads the labelled subjects in the convention of the configuration', async () => {
    const rows = [
      row('p1', 'b', 'train'),
      row('p2', 'a', 'train'),
      row('p3', 'a', 'validation'),
      row('p4', 'a', 'test', 'n/a'),
    ]
    const settings = config(rows)
    const plan = await planOf(settings)
    expect(plan.sites).toEqual(['a', 'b'])
    const data = await loadRun(
      settings,
      plan,
      log,
      stopWhen(() => false),
      loadSubject,
    )
    expect(data.train.map(({ id }) => id)).toEqual(['p1', 'p2'])
    const stopped = loadRun(
      settings,
      plan,
      log,
      stopWhen(() => true),
      loadSubject,
    )
    await expect(stopped).rejects.toMatchObject({ kind: 'stopped' })
    expect(data.validation.map(({ id }) => id)).toEqual(['p3'])
    // The empty first slice is cut off.
    expect(data.train[0]!.shape).toEqual([3, 4, 4])
    expect([...data.train[0]!.label!.slice(0, 4)]).toEqual([1, 2, 1, 2])
    expect(Math.max(...data.train[0]!.image)).toBe(1)
    expect(datasetRecord(settings, plan)).toEqual({
      sites: ['a', 'b'],
      modalities: ['T1w'],
      rows: ['p1', 'p2', 'p3', 'p4'].map((id, index) => ({
        participant_id: id,
        site: index === 0 ? 'b' : 'a',
        split: ['train', 'train', 'validation', 'test'][index],
        images: { T1w: path.join('images', 'i.nii') },
        ...(index === 3 ? {} : { label: path.join('images', 'l.nii') }),
        labels: { CSF: [10], GM: [20], WM: [30] },
      })),
    })
  })

  it('learns the standard scale from the training subjects alone, and brings all to it as a prediction does', async () => {
    // The landmarks of a validation subject whose bright half lies elsewhere would move the scale.
    const odd = Float32Array.from({ length: 64 }, (_, index) =>
      index < 16 ? 0 : index < 40 ? index : 500 + index,
    )
    await writeVolumeFile(path.join(folder, 'images', 'odd.nii'), makeVolume(SHAPE, odd))
    const rows = [
      row('p1', 'a', 'train'),
      row('p2', 'b', 'train'),
      row('p3', 'a', 'validation').replace('images/i.nii', 'images/odd.nii'),
    ]
    const settings = config(rows, 'train: {method: baseline}')
    const nyul = { ...settings, data: { ...settings.data, scaling: 'nyul' as const } }
    const never = stopWhen(() => false)
    const plan = await planOf(nyul)
    const { train, validation, standardScale } = await loadRun(nyul, plan, log, never, loadSubject)
    expect(standardScale).toHaveLength(1)
    // Both training subjects are a ramp, whose landmarks lie where their percentiles do.
    ;[1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99].forEach((percentile, index) => {
      expect(standardScale![0]![index]).toBeCloseTo(0.1 + (0.8 * (percentile - 1)) / 98, 6)
    })
    const { modalities } = nyul.data
    for (const [index, prepared] of [...train, ...validation].entries()) {
      const own = {
        scaling: 'nyul' as const,
        maskFrom: 'positive' as const,
        standardScale: standardScale!,
        voxelSize: 1,
        modalities,
        margin: 0,
      }
      const predicted = await loadSubject(plan.subjects[index]!, own)
      expect(predicted.id).toBe(prepared.id)
      predicted.image.forEach((value, voxel) => {
        expect(value).toBeCloseTo(prepared.image[voxel]!, 5)
      })
    }
    expect((await loadRun(settings, plan, log, never, loadSubject)).standardScale).toBeUndefined()
  })

  it('tells the error of the first subject that has one, whichever fails first', async () => {
    const rows = ['p1', 'p2', 'p3'].map((id, index) => row(id, index === 0 ? 'b' : 'a', 'train'))
    const settings = config(rows)
    const slow = new Promise((resolve) => setTimeout(resolve, 20))
    const load: typeof loadSubject = async (subject, options) => {
      if (subject.id === 'p1') return loadSubject(subject, options)
      if (subject.id === 'p2') await slow
      throw new Error(`${subject.id} is broken`)
    }
    const plan = await planOf(settings)
    const never = stopWhen(() => false)
    await expect(loadRun(settings, plan, log, never, load)).rejects.toThrow('p2 is broken')
  })

  it('tells once what is doubtful in a file that several subjects share', async () => {
    const settings = config([row('p1', 'a', 'train'), row('p2', 'b', 'train')])
    const said: string[] = []
    const write = (text: string) => said.push(text)
    const listening = openTestLog(write)
    const never = stopWhen(() => false)
    await loadRun(settings, await planOf(settings), listening, never, loadSubject)
    expect(said.filter((line) => /i\.nii: .*less than the brain of a newborn/.test(line))).toHaveLength(1)
  })

  it('leaves validation subjects of unknown sites for testing, and says so', async () => {
    const { subjects, warnings, sites } = await planOf(
      config([row('p1', 'a', 'train'), row('p2', 'b', 'train'), row('p3', 'c', 'validation')]),
    )
    expect(sites).toEqual(['a', 'b'])
    expect(subjects.map(({ split }) => split)).toEqual(['train', 'train', 'test'])
    expect(warnings.join(' ')).toMatch(/p3 validates for c.*No subject validates/)
  })

  it('refuses one site for the adversarial method, and takes it for others', async () => {
    const rows = [row('p1', 'a', 'train'), row('p2', 'a', 'validation')]
    await expect(planOf(config(rows))).rejects.toMatchObject({ kind: 'config' })
    expect((await planOf(config(rows, 'train: {method: baseline}'))).sites).toEqual(['a'])
  })

  it('leaves a whole site out for testing, whatever the table says of its subjects', async () => {
    const rows = [
      row('p1', 'a', 'train'),
      row('p2', 'b', 'train'),
      row('p3', 'c', 'train', 'n/a'),
      row('p4', 'c', 'validation'),
      row('p5', 'b', 'validation'),
    ]
    const { subjects, sites, warnings } = await planOf(config(rows, '', 'loso:c'))
    expect(sites).toEqual(['a', 'b'])
    expect(subjects.map(({ split }) => split)).toEqual(['train', 'train', 'test', 'test', 'validation'])
    expect(warnings).toEqual([])
    const unknown = planOf(config(rows, '', 'loso:d'))
    await expect(unknown).rejects.toMatchObject({ kind: 'config' })
    await expect(unknown).rejects.toThrow('use one of loso:a, loso:b, loso:c')
    const two = rows.slice(0, 2)
    await expect(planOf(config(two, '', 'loso:a'))).rejects.toThrow('has only b')
  })

  it('refuses a convention that leaves a tissue without a voxel, also where a layout has one of its own', async () => {
    const never = stopWhen(() => false)
    const settings = config([row('p1', 'a', 'train'), row('p2', 'b', 'train')])
    const other = {
      ...settings,
      data: { ...settings.data, labels: { BG: [0, 30], CSF: [10], GM: [20], WM: [31] } },
    }
    const loading = loadRun(other, await planOf(other), log, never, loadSubject)
    await expect(loading).rejects.toMatchObject({ kind: 'data' })
    await expect(loading).rejects.toThrow(
      'has a voxel of WM in its brain, read by the label convention explicit map',
    )
    const abide = path.join(folder, 'abide')
    for (const scan of ['NYU_1', 'UM_1']) {
      const mri = path.join(abide, scan, 'mri')
      mkdirSync(mri, { recursive: true })
      // FreeSurfer's format goes by the contents, not by the name.
      copyFileSync(path.join(folder, 'images', 'i.nii'), path.join(mri, 'brainmask.mgz'))
      copyFileSync(path.join(folder, 'images', 'l.nii'), path.join(mri, 'aparc+aseg.mgz'))
    }
    const labelsOf = async (labels: string) => {
      const text = `preset: tiny\ndata: {table: ${abide}, labels: ${labels}}`
      return (await planOf(parseConfig(text, 'run.yaml'))).subjects.map((subject) => subject.labels)
    }
    expect(await labelsOf('auto')).toEqual(['freesurfer', 'freesurfer'])
    expect(await labelsOf('bids')).toEqual(['bids', 'bids'])
  })

  it('refuses training subjects without labels', async () => {
    const rows = [row('p1', 'a', 'train', 'n/a'), row('p2', 'b', 'train')]
    await expect(planOf(config(rows))).rejects.toThrow(/the train subject p1 of site a has no label map/)
  })
})
