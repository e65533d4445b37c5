import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Affine, labelConvention, makeVolume, parseTable, STRUCTURE_LIMIT } from '@voxnorm/data'
import { readVolumeFile, writeVolumeFile } from '@voxnorm/data/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDiskSink, openDiskSource } from '../../src/node/disk.ts'
import { readInputs } from '../../src/node/inputs.ts'
import { assessHere } from '../../src/prediction/assessor.ts'
import { predictAll } from '../../src/prediction/predict-all.ts'
import type { PredictPrepared } from '../../src/prediction/predict-scan.ts'
import { judge, openTestLog } from '../log.ts'
import {
  faithfulNetwork,
  fakeNetwork,
  HEAD,
  head,
  inventingNetwork,
  ODD,
  provenance,
  ramp,
  SHAPE,
  stopWhen,
} from './examples.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-predict-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('predictAll', () => {
  const log = openTestLog()
  const predictAllOptions = (out: string) => ({
    source: openDiskSource(),
    sink: openDiskSink(out),
    assessor: assessHere,
    judge,
    grid: 'model' as const,
    model: {
      modalities: ['T1w'],
      sites: ['a', 'b'],
      classes: ['BG', 'CSF', 'GM', 'WM'] as ['BG', 'CSF', 'GM', 'WM'],
      base: 4,
      padding: 'replicate' as const,
      activation: 'relu' as const,
      generatorOutput: 'sigmoid' as const,
      scaling: 'max' as const,
      patch: 16,
      voxelSize: 1,
      discriminator: { base: 4, dropout: 0.25 },
    },
    convention: labelConvention('paper'),
    probabilities: false,
    provenance,
    strict: false,
    continued: false,
    stop: stopWhen(() => false),
  })

  it('goes on after an input that cannot be used, and stores previews', async () => {
    const data = path.join(folder, 'batch')
    await writeVolumeFile(path.join(data, 'good.nii.gz'), makeVolume(SHAPE, ramp(SHAPE), ODD))
    writeFileSync(path.join(data, 'bad.nii.gz'), 'no image')
    const out = path.join(folder, 'batch-out')
    const { inputs } = await readInputs(
      [path.join(data, 'bad.nii.gz'), path.join(data, 'good.nii.gz')],
      [],
      ['T1w'],
    )
    const { results, failures } = await predictAll(inputs, fakeNetwork, predictAllOptions(out), log)
    expect(results.map(({ id }) => id)).toEqual(['good'])
    expect(failures).toMatchObject([{ participant_id: 'bad', code: 65 }])
    const [row] = parseTable(readFileSync(path.join(out, 'failures.tsv'), 'utf8'), 'failures').rows
    expect(row!.cells).toMatchObject({ participant_id: 'bad', code: '65' })
    const preview = JSON.parse(readFileSync(path.join(out, 'figures', 'good.json'), 'utf8'))
    expect(preview).toMatchObject({ participant: 'good', tissuesFrom: 'prediction', rawRange: [0, 1] })
    const labels = await readVolumeFile(path.join(out, 'good_dseg.nii.gz'))
    expect(Math.max(...labels.data)).toBe(3)
    await expect(
      predictAll(inputs.slice(0, 1), fakeNetwork, predictAllOptions(out), log),
    ).rejects.toMatchObject({
      kind: 'data',
    })
  })

  describe('where the brain is', () => {
    /** Lines of the log. */
    const predictHeads = async (out: string, files: readonly string[], maskFrom: 'auto' | 'positive') => {
      const said: string[] = []
      const write = (text: string) => said.push(text)
      const listening = openTestLog(write)
      const { inputs } = await readInputs(files, [], ['T1w'])
      const asked = { ...predictAllOptions(out), grid: 'native' as const }
      const choices = { ...asked, provenance: { ...provenance, maskFrom } }
      const outcome = await predictAll(inputs, faithfulNetwork, choices, listening)
      return { ...outcome, said }
    }
    const json = (...parts: string[]) => JSON.parse(readFileSync(path.join(...parts), 'utf8'))
    // With voxels of 6 mm the ball holds 1.2 litres.
    const LARGE: Affine = [6, 0, 0, 0, 0, 6, 0, 0, 0, 0, 6, 0, 0, 0, 0, 1]

    it('refuses a scan that is not stripped, and takes it as it is when it is told to', async () => {
      const files = ['stripped', 'whole'].map((name) => path.join(folder, 'skull', `${name}.nii.gz`))
      await writeVolumeFile(files[0]!, makeVolume(HEAD, head(), LARGE))
      const noise = head().map((value, voxel) => Math.max(value, 5 + ((voxel * 7919) % 31)))
      await writeVolumeFile(files[1]!, makeVolume(HEAD, noise, LARGE))
      const out = path.join(folder, 'skull-out')
      const { results, failures } = await predictHeads(out, files, 'auto')
      expect(results.map(({ id }) => id)).toEqual(['stripped'])
      expect(failures).toMatchObject([{ participant_id: 'whole', code: 65 }])
      expect(failures[0]!.message).toMatch(/skull does not seem to be stripped/)
      expect(json(out, 'stripped.json')).toMatchObject({
        SkullStripped: true,
        BrainMask: { Source: 'everything but the background of the image', Pieces: 1, Plausible: true },
      })
      expect(json(out, 'stripped.json')).not.toHaveProperty('Warnings')
      expect(json(out, 'stripped.json').BrainMask.VolumeLitres).toBeCloseTo(1.2, 1)

      const forced = path.join(folder, 'skull-forced')
      const { said } = await predictHeads(forced, files.slice(1), 'positive')
      expect(said.join('')).toMatch(/whole\.nii\.gz: The brain mask does not look like that of a brain/)
      expect(json(forced, 'whole.json')).toMatchObject({
        SkullStripped: false,
        BrainMask: { Source: 'all voxels above zero', Plausible: false },
      })
    })

    it('says what is odd once on stderr, in the sidecar and in the preview, without the folder there', async () => {
      const file = path.join(folder, 'odd', 'odd.nii')
      await writeVolumeFile(file, makeVolume(HEAD, head(), LARGE))
      const bytes = readFileSync(file)
      // Neither a qform nor an sform.
      bytes.writeInt16LE(0, 252)
      bytes.writeInt16LE(0, 254)
      writeFileSync(file, bytes)
      const out = path.join(folder, 'odd-out')
      const { said } = await predictHeads(out, [file], 'auto')
      const lines = said.filter((line) => /stores no orientation/.test(line))
      expect(lines).toEqual([expect.stringContaining(`WARNING ${file}: `)])
      const expected = [expect.stringMatching(/^odd\.nii: The header stores no orientation/)]
      expect(json(out, 'odd.json').Warnings).toEqual(expected)
      expect(json(out, 'figures', 'odd.json').warnings).toEqual(expected)
    })
  })

  it('goes on after an input that is not there, and after a fault of the program', async () => {
    const good = path.join(folder, 'batch', 'good.nii.gz')
    const [third, gone] = ['third', 'gone'].map((name) => path.join(folder, `${name}.nii.gz`))
    writeFileSync(third!, readFileSync(good))
    const { inputs } = await readInputs([gone!, good, third!], [], ['T1w'])
    let volume = 0
    const network: PredictPrepared = (prepared) => {
      if (volume++ === 0) throw new RangeError('Array buffer allocation failed')
      return fakeNetwork(prepared)
    }
    const { results, failures } = await predictAll(
      inputs,
      network,
      predictAllOptions(path.join(folder, 'faults')),
      log,
    )
    expect(results.map(({ id }) => id)).toEqual(['third'])
    expect(failures.map(({ participant_id, code }) => [participant_id, code])).toEqual([
      ['gone', 66],
      ['good', 1],
    ])
  })

  it('forgets the failures of an earlier run', async () => {
    const { inputs } = await readInputs([path.join(folder, 'batch', 'good.nii.gz')], [], ['T1w'])
    const out = path.join(folder, 'second-try')
    mkdirSync(out)
    writeFileSync(path.join(out, 'failures.tsv'), 'old')
    await predictAll(inputs, fakeNetwork, predictAllOptions(out), log)
    expect(existsSync(path.join(out, 'failures.tsv'))).toBe(false)
  })

  it('fails the subjects of a dataset that lack a modality, and does the others', async () => {
    const data = path.join(folder, 'lacking')
    for (const name of ['sub-1_T1w', 'sub-1_T2w', 'sub-2_T1w', 'sub-3_PDw']) {
      const file = path.join(data, name.slice(0, 5), 'anat', `${name}.nii.gz`)
      await writeVolumeFile(file, makeVolume(SHAPE, ramp(SHAPE), ODD))
    }
    const { inputs } = await readInputs([data], [], ['T1w', 'T2w'])
    const choices = predictAllOptions(path.join(folder, 'lacking-out'))
    const model = { ...choices.model, modalities: ['T1w', 'T2w'] }
    const { results, failures } = await predictAll(inputs, fakeNetwork, { ...choices, model }, log)
    expect(results.map(({ id }) => id)).toEqual(['sub-1'])
    expect(failures.map(({ participant_id, code, message }) => [participant_id, code, message])).toEqual([
      ['sub-2', 65, 'sub-2 has no T2w image. fix: add the image'],
      ['sub-3', 65, 'sub-3 has no T1w image. fix: add the image'],
    ])
  })

  it('ends between two windows after a signal, and writes nothing of that volume', async () => {
    const { inputs } = await readInputs(
      ['good', 'good'].map((name, index) => {
        mkdirSync(path.join(folder, `copy${index}`), { recursive: true })
        const copy = path.join(folder, `copy${index}`, `${name}${index}.nii.gz`)
        writeFileSync(copy, readFileSync(path.join(folder, 'batch', 'good.nii.gz')))
        return copy
      }),
      [],
      ['T1w'],
    )
    const out = path.join(folder, 'stopped')
    let volumes = 0
    const network: PredictPrepared = async (prepared, onProgress) => {
      volumes++
      onProgress(1, 2)
      return fakeNetwork(prepared)
    }
    const stop = stopWhen(() => volumes === 2)
    const attempt = predictAll(inputs, network, { ...predictAllOptions(out), stop }, log)
    await expect(attempt).rejects.toMatchObject({
      kind: 'stopped',
      message: expect.stringContaining('1 of 2 volumes are done'),
    })
    expect(readdirSync(out).filter((name) => name.startsWith('good1'))).toEqual([])
    expect(existsSync(path.join(out, 'good0_dseg.nii.gz'))).toBe(true)
  })

  it('stops at once when the device is lost', async () => {
    const { inputs } = await readInputs([path.join(folder, 'batch', 'good.nii.gz')], [], ['T1w'])
    const lost = async () => {
      throw Object.assign(new Error('the device was lost'), { name: 'DeviceError', kind: 'lost' })
    }
    const attempt = predictAll(inputs, lost, predictAllOptions(path.join(folder, 'lost')), log)
    await expect(attempt).rejects.toThrow('the device was lost')
  })

  describe('with --strict', () => {
    const heads = async (...names: string[]) => {
      const files = names.map((name) => path.join(folder, 'strict', `${name}.nii.gz`))
      for (const file of files) await writeVolumeFile(file, makeVolume(HEAD, head()))
      return (await readInputs(files, [], ['T1w'])).inputs
    }

    it('refuses an image whose anatomy was changed, writes nothing of it, and does the others', async () => {
      const inputs = await heads('changed', 'kept')
      let volume = 0
      const network: PredictPrepared = (prepared) =>
        volume++ === 0 ? inventingNetwork(prepared) : faithfulNetwork(prepared)
      const out = path.join(folder, 'strict-out')
      const options = { ...predictAllOptions(out), strict: true }
      const { results, failures } = await predictAll(inputs, network, options, log)
      expect(results.map(({ id }) => id)).toEqual(['kept'])
      expect(failures).toMatchObject([{ participant_id: 'changed', code: 65 }])
      expect(failures[0]!.message).toMatch(
        /structure index is 0\.\d{3}, and a strict prediction refuses .* fix: /,
      )
      const written = readdirSync(out, { recursive: true }).map(String)
      expect(written.filter((name) => name.includes('changed'))).toEqual([])
      expect(written).toContain('kept_desc-norm.nii.gz')
      expect(written).toContain(path.join('figures', 'kept.json'))
      expect(results[0]!.trust.structure!.structureIndex).toBe(1)
    })

    it('ends with bad data when it refuses the only image', async () => {
      const inputs = await heads('changed')
      const options = { ...predictAllOptions(path.join(folder, 'strict-only')), strict: true }
      const attempt = predictAll(inputs, inventingNetwork, options, log)
      await expect(attempt).rejects.toMatchObject({ kind: 'data', file: inputs[0]!.images[0] })
    })

    it('refuses nothing where no image is made', async () => {
      const inputs = await heads('raw')
      const options = {
        ...predictAllOptions(path.join(folder, 'strict-raw')),
        provenance: { ...provenance, normalized: false },
        strict: true,
      }
      const { results } = await predictAll(inputs, inventingNetwork, options, log)
      expect(results[0]!.trust.structure).toBeUndefined()
    })

    it('is what makes the difference: without it the image is written, with a warning and the places', async () => {
      const inputs = await heads('changed')
      const out = path.join(folder, 'not-strict')
      const said: string[] = []
      const listening = openTestLog((text) => said.push(text))
      await predictAll(inputs, inventingNetwork, predictAllOptions(out), listening)
      expect(said.join('')).toMatch(/WARNING changed: the anatomy may be changed/)
      const json = (name: string) => JSON.parse(readFileSync(path.join(out, name), 'utf8'))
      const { StructureIndex: index } = json('changed.json').Normalization
      expect(index).toBeGreaterThan(0.6)
      expect(index).toBeLessThan(STRUCTURE_LIMIT)
      const { rows } = parseTable(readFileSync(path.join(out, 'changed_trust.tsv'), 'utf8'), 'trust')
      expect(rows[0]!.cells).toMatchObject({ measure: 'structure_index', value: String(index) })
      const preview = json(path.join('figures', 'changed.json'))
      expect(preview.trust.structure.structureIndex).toBeCloseTo(index, 4)
      const changed = Buffer.from(preview.slices[0].changed, 'base64')
      expect(changed.filter((value) => value === 1).length).toBeGreaterThan(20)
      expect(Math.min(...Buffer.from(preview.slices[0].residual, 'base64'))).toBeLessThan(100)
    })
  })
})
