import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type LabelConvention, labelConvention, makeVolume } from '@voxnorm/data'
import { writeVolumeFile } from '@voxnorm/data/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDiskSink, openDiskSource } from '../../src/node/disk.ts'
import { readInputs } from '../../src/node/inputs.ts'
import { assertLabelsStay, assertNothingReplaced } from '../../src/node/replaced-outputs.ts'
import { assessHere } from '../../src/prediction/assessor.ts'
import { predictAll } from '../../src/prediction/predict-all.ts'
import { judge, openTestLog } from '../log.ts'
import { fakeNetwork, ODD, provenance, ramp, SHAPE, stopWhen } from './examples.ts'

const MODEL = {
  modalities: ['T1w'],
  sites: ['a'],
  classes: ['BG', 'CSF', 'GM', 'WM'] as ['BG', 'CSF', 'GM', 'WM'],
  base: 4,
  padding: 'replicate' as const,
  activation: 'relu' as const,
  generatorOutput: 'sigmoid' as const,
  scaling: 'max' as const,
  patch: 16,
  voxelSize: 1,
  discriminator: { base: 4, dropout: 0.25 },
}

let folder: string
let said: string[]
const at = (...parts: string[]) => path.join(folder, ...parts)
const inputsOf = async (...names: string[]) =>
  (
    await readInputs(
      names.map((name) => at(`${name}.nii.gz`)),
      [],
      ['T1w'],
    )
  ).inputs
const write = (name: string, shift = 0) =>
  writeVolumeFile(
    at(`${name}.nii.gz`),
    makeVolume(
      SHAPE,
      ramp(SHAPE).map((value) => value + shift),
      ODD,
    ),
  )

/** Predicts into `out`; resolves with the ids that were predicted and those that stayed. */
const predict = async (
  names: readonly string[],
  changed: {
    readonly continued?: boolean
    readonly stride?: number
    readonly adapter?: string
    readonly convention?: LabelConvention
    readonly probabilities?: boolean
  } = {},
) => {
  const { stride = 8, adapter = 'none', continued = false, probabilities = false } = changed
  said = []
  const log = openTestLog((text) => said.push(text))
  const options = {
    source: openDiskSource(),
    sink: openDiskSink(at('out')),
    assessor: assessHere,
    judge,
    grid: 'model' as const,
    model: MODEL,
    convention: changed.convention ?? labelConvention('bids'),
    probabilities,
    provenance: { ...provenance, stride, adapter },
    strict: false,
    continued,
    stop: stopWhen(() => false),
  }
  const { results, kept } = await predictAll(await inputsOf(...names), fakeNetwork, options, log)
  return { predicted: results.map(({ id }) => id), kept }
}

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-finished-'))
  for (const name of ['a', 'b']) await write(name)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('continued predictions', () => {
  const again = { continued: true }

  it('keep what is finished, and do what is not', async () => {
    await predict(['a'])
    expect(await predict(['a', 'b'], again)).toEqual({ predicted: ['b'], kept: ['a'] })
    expect(await predict(['a', 'b'], again)).toEqual({ predicted: [], kept: ['a', 'b'] })
    expect(said).toEqual([])
  })

  it('do a subject again whose settings, adapter, files or image are others, and say why', async () => {
    await predict(['a', 'b'])
    const all = { predicted: ['a', 'b'], kept: [] }
    expect(await predict(['a', 'b'], { ...again, stride: 4 })).toEqual(all)
    expect(said.join('')).toContain('a is predicted again: stride was 8, now 4')
    expect(await predict(['a', 'b'], { ...again, stride: 4, adapter: 'other' })).toEqual(all)
    expect(said.join('')).toContain('adapter was none, now other')
    expect(await predict(['a', 'b'], again)).toEqual(all)
    await write('a', 7)
    rmSync(at('out', 'b_dseg.nii.gz'))
    expect(await predict(['a', 'b'], again)).toEqual(all)
    expect(said.join('')).toMatch(/a\.nii\.gz has changed[\s\S]*b_dseg\.nii\.gz is gone/)
  })

  it('come to the same files from wherever a kill left them', async () => {
    await predict(['a', 'b'])
    const whole = readdirSync(at('out'), { recursive: true }).map(String).sort()
    cpSync(at('out'), at('whole'), { recursive: true })
    const record = at('out', 'finished', 'b.json')
    writeFileSync(record, JSON.stringify({ ...JSON.parse(readFileSync(record, 'utf8')), finished: false }))
    writeFileSync(at('out', 'b_dseg.nii.gz'), 'of another model')
    for (const name of ['.b_dseg.nii.gz.1.tmp', 'figures/.b.json.1.tmp', 'finished/.b.json.1.tmp'])
      writeFileSync(at('out', name), 'half')
    expect(await predict(['a', 'b'], again)).toEqual({ predicted: ['b'], kept: ['a'] })
    expect(readdirSync(at('out'), { recursive: true }).map(String).sort()).toEqual(whole)
    for (const name of ['b_dseg.nii.gz', 'b.json', 'finished/b.json', 'figures/b.json'])
      expect(readFileSync(at('out', name)).equals(readFileSync(at('whole', name)))).toBe(true)
  })

  it('take away outputs of earlier settings that the new ones do not make', async () => {
    await predict(['a'], { probabilities: true })
    expect(existsSync(at('out', 'a_label-GM_probseg.nii.gz'))).toBe(true)
    await predict(['a'], again)
    expect(existsSync(at('out', 'a_label-GM_probseg.nii.gz'))).toBe(false)
  })

  it('leave what the folder says of other inputs that failed, and what somebody added', async () => {
    writeFileSync(at('bad.nii.gz'), 'no image')
    await predict(['a', 'bad'])
    writeFileSync(at('out', '.bidsignore'), 'notes/\n')
    const description = at('out', 'dataset_description.json')
    writeFileSync(
      description,
      JSON.stringify({ ...JSON.parse(readFileSync(description, 'utf8')), Authors: ['A. Body'] }),
    )
    await predict(['b'])
    expect(readFileSync(at('out', 'failures.tsv'), 'utf8')).toMatch(
      /^participant_id\tcode\tmessage\nbad\t65\t/,
    )
    expect(JSON.parse(readFileSync(description, 'utf8')).Authors).toEqual(['A. Body'])
    expect(readFileSync(at('out', '.bidsignore'), 'utf8')).toMatch(/^notes\/\n[\s\S]*finished\/\n/)
    await write('bad')
    await predict(['bad'])
    expect(existsSync(at('out', 'failures.tsv'))).toBe(false)
  })
})

describe('assertNothingReplaced', () => {
  const check = async (flags: { continued?: boolean; overwritten?: boolean }, ...names: string[]) =>
    assertNothingReplaced(at('out'), await inputsOf(...names), {
      continued: false,
      overwritten: false,
      ...flags,
    })

  it('refuses what is finished and names both flags; other subjects are welcome', async () => {
    await predict(['a'])
    await check({}, 'b')
    await expect(check({}, 'a', 'b')).rejects.toThrow(
      /a is finished here already\.\n {2}fix: add --continue .*--overwrite/,
    )
    await expect(check({}, 'a')).rejects.toMatchObject({ kind: 'output' })
    await check({ continued: true }, 'a', 'b')
    await check({ overwritten: true }, 'a', 'b')
  })

  it('refuses a file of which nothing says that voxnorm made it', async () => {
    await predict(['a'])
    writeFileSync(at('out', 'b_dseg.nii.gz'), 'drawn by hand')
    for (const continued of [false, true])
      await expect(check({ continued }, 'b')).rejects.toThrow(/b_dseg\.nii\.gz: this file is in the way/)
    await check({ overwritten: true }, 'b')
  })

  it('never lets an output replace an input', async () => {
    await writeVolumeFile(at('sub-1_desc-norm_T1w.nii.gz'), makeVolume(SHAPE, ramp(SHAPE), ODD))
    const inputs = await inputsOf('sub-1_desc-norm_T1w')
    await expect(
      assertNothingReplaced(folder, inputs, { continued: false, overwritten: true }),
    ).rejects.toThrow(/sub-1_desc-norm_T1w\.nii\.gz: this is an input/)
  })
})

describe('assertLabelsStay', () => {
  it('refuses other label numbers beside subjects that keep theirs', async () => {
    await predict(['a'])
    const check = async (name: string, ...names: string[]) =>
      assertLabelsStay(at('out'), await inputsOf(...names), labelConvention(name))
    await check('bids', 'b')
    await check('paper', 'a')
    await expect(check('paper', 'b')).rejects.toThrow(/the label maps of 1 other subject here .* paper/)
  })
})
