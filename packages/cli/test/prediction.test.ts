import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { writeSafetensors } from '@voxnorm/autograd'
import {
  type Affine,
  IDENTITY_AFFINE,
  labelConvention,
  makeVolume,
  type NamedVolume,
  type PreparedSubject,
  parseTable,
  type Shape3,
} from '@voxnorm/data'
import { readVolumeFile, writeVolumeFile } from '@voxnorm/data/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readModel } from '../src/model-file.ts'
import { readInputs } from '../src/prediction/inputs.ts'
import { predictAll } from '../src/prediction/predict-all.ts'
import {
  type NetworkOutput,
  type PredictionOptions,
  predictSubject,
} from '../src/prediction/predict-subject.ts'
import { writeFolderFiles, writePrediction } from '../src/prediction/write-outputs.ts'
import { openLog } from '../src/progress.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-predict-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Halves intensities, and takes the quarter of the intensity range for the class. */
async function fakeNetwork(prepared: PreparedSubject): Promise<NetworkOutput> {
  const { image, mask, channels } = prepared
  const probabilities = new Float32Array(mask.length * 4)
  mask.forEach((inside, voxel) => {
    const label = inside ? Math.min(3, Math.floor(4 * image[voxel * channels]!)) : 0
    probabilities[voxel * 4 + label] = 1
  })
  return { normalized: image.map((value) => value / 2), probabilities }
}

const ramp = (shape: Shape3) =>
  Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, index) => index)
const named = (volume: ReturnType<typeof makeVolume>, file = 'x.nii'): NamedVolume => ({ file, volume })
const options = (grid: PredictionOptions['grid']): PredictionOptions => ({
  grid,
  scaling: 'max',
  voxelSize: 1,
})
const SHAPE: Shape3 = [6, 5, 4]
/** Stored as (z down, x left, y front), voxels of 2, 1 and 1 mm. */
const ODD: Affine = [0, -1, 0, 40, 0, 0, 1, -3, -2, 0, 0, 9, 0, 0, 0, 1]

describe('predictSubject', () => {
  it.each(['native', 'stored'] as const)('%s: moves voxels without changing them', async (grid) => {
    const volume = makeVolume(SHAPE, ramp(SHAPE), ODD)
    const { normalized, labels, probabilities } = await predictSubject(
      's',
      [named(volume)],
      undefined,
      options(grid),
      fakeNetwork,
    )
    expect(normalized[0]!.header).toBe(volume.header)
    expect(normalized[0]!.affine).toEqual(ODD)
    volume.data.forEach((value, voxel) => {
      expect(normalized[0]!.data[voxel]).toBeCloseTo(value / 119 / 2, 6)
      const label = Math.min(3, Math.floor((4 * value) / 119 + 1e-6))
      expect(labels.data[voxel]).toBe(label)
      expect(probabilities.map(({ data }) => data[voxel])).toEqual(
        [0, 1, 2, 3].map((other) => (other === label ? 1 : 0)),
      )
    })
  })

  it('gives the networks axes z, y, x of the nearest RAS order, or the stored ones', async () => {
    const seen: PreparedSubject[] = []
    const watch = (prepared: PreparedSubject) => {
      seen.push(prepared)
      return fakeNetwork(prepared)
    }
    const volume = makeVolume(SHAPE, ramp(SHAPE), ODD)
    await predictSubject('s', [named(volume)], undefined, options('native'), watch)
    await predictSubject('s', [named(volume)], undefined, options('stored'), watch)
    await predictSubject('s', [named(volume)], undefined, options('model'), watch)
    expect(seen.map(({ shape }) => shape)).toEqual([
      [6, 4, 5],
      [4, 5, 6],
      [12, 4, 5],
    ])
  })

  it('model: interpolates the image and the probabilities back, labels are their largest', async () => {
    const shape: Shape3 = [4, 4, 4]
    const affine: Affine = [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]
    const volume = makeVolume(
      shape,
      Float32Array.from({ length: 64 }, (_, index) => 10 + (index % 4) * 10),
      affine,
    )
    const { normalized, labels, probabilities, prepared } = await predictSubject(
      's',
      [named(volume)],
      undefined,
      options('model'),
      fakeNetwork,
    )
    expect(prepared.shape).toEqual([8, 8, 8])
    expect(normalized[0]!.shape).toEqual(shape)
    for (let voxel = 0; voxel < 64; voxel++) {
      const x = voxel % 4
      // A linear ramp survives two linear interpolations away from the edges.
      if (x === 1 || x === 2) expect(normalized[0]!.data[voxel]).toBeCloseTo((10 + 10 * x) / 40 / 2, 5)
      const column = probabilities.map(({ data }) => data[voxel]!)
      expect(column.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5)
      expect(column[labels.data[voxel]!]).toBe(Math.max(...column))
    }
  })

  it('leaves everything outside the mask empty', async () => {
    const volume = makeVolume(
      SHAPE,
      ramp(SHAPE).map((value) => value + 1),
      ODD,
    )
    const mask = makeVolume(
      SHAPE,
      ramp(SHAPE).map((value) => (value < 60 ? 1 : 0)),
      ODD,
    )
    const { normalized, labels, probabilities } = await predictSubject(
      's',
      [named(volume)],
      named(mask, 'm.nii'),
      options('native'),
      fakeNetwork,
    )
    for (let voxel = 60; voxel < 120; voxel++) {
      expect([normalized[0]!.data[voxel], labels.data[voxel], probabilities[0]!.data[voxel]]).toEqual([
        0, 0, 1,
      ])
    }
  })

  it('names the file that cannot be used', async () => {
    const broken = makeVolume(SHAPE, ramp(SHAPE).fill(Number.NaN), ODD)
    const attempt = predictSubject('s', [named(broken, 'bad.nii')], undefined, options('native'), fakeNetwork)
    await expect(attempt).rejects.toMatchObject({ exitCode: 65, file: 'bad.nii' })
    const first = makeVolume(SHAPE, ramp(SHAPE), ODD)
    const second = makeVolume(SHAPE, ramp(SHAPE), IDENTITY_AFFINE)
    const pair = predictSubject(
      's',
      [named(first, 'a.nii'), named(second, 'b.nii')],
      undefined,
      options('native'),
      fakeNetwork,
    )
    await expect(pair).rejects.toThrow(/b\.nii/)
  })
})

const provenance = {
  version: '0.1.0',
  modelFile: '/somewhere/model.safetensors',
  modelSha256: 'a'.repeat(64),
  trainingSites: ['a', 'b'],
  normalized: true,
  seed: 42,
  adapter: 'none',
  grid: 'native',
  window: 16,
  stride: 8,
}

describe('writePrediction', () => {
  const write = async (out: string, file: string, probabilities = false) => {
    await writeVolumeFile(file, makeVolume(SHAPE, ramp(SHAPE), ODD))
    const [input] = await readInputs([file], [], ['T1w'])
    const volume = await readVolumeFile(file)
    const prediction = await predictSubject('s', [named(volume)], undefined, options('native'), fakeNetwork)
    const choices = { convention: labelConvention('bids'), probabilities, provenance }
    return writePrediction(out, input!, prediction, choices)
  }

  it('writes plain names beside each other, the same bytes every time', async () => {
    const out = path.join(folder, 'plain')
    const { files } = await write(out, path.join(folder, 'brain.v2.nii.gz'), true)
    expect([...files].sort()).toEqual([
      'brain.v2.json',
      'brain.v2_desc-norm.nii.gz',
      'brain.v2_dseg.nii.gz',
      'brain.v2_label-BG_probseg.nii.gz',
      'brain.v2_label-CSF_probseg.nii.gz',
      'brain.v2_label-GM_probseg.nii.gz',
      'brain.v2_label-WM_probseg.nii.gz',
      'brain.v2_volumes.tsv',
    ])
    expect(readdirSync(out).sort()).toEqual([...files].sort())
    await write(path.join(folder, 'again'), path.join(folder, 'brain.v2.nii.gz'), true)
    for (const name of files) {
      expect(readFileSync(path.join(folder, 'again', name)).equals(readFileSync(path.join(out, name)))).toBe(
        true,
      )
    }
    const volumes = parseTable(readFileSync(path.join(out, 'brain.v2_volumes.tsv'), 'utf8'), 'volumes')
    expect(volumes.columns).toEqual(['index', 'name', 'n_voxels', 'volume_mm3', 'volume_soft_mm3'])
    expect(volumes.rows.map(({ cells }) => [cells.index, cells.name])).toEqual([
      ['1', 'GM'],
      ['2', 'WM'],
      ['3', 'CSF'],
    ])
    const gm = volumes.rows[0]!.cells
    expect(Number(gm.volume_mm3)).toBe(2 * Number(gm.n_voxels))
    expect(Number(gm.volume_soft_mm3)).toBeCloseTo(Number(gm.volume_mm3), 3)
    const sidecar = JSON.parse(readFileSync(path.join(out, 'brain.v2.json'), 'utf8'))
    expect(sidecar).toMatchObject({
      SkullStripped: true,
      Sources: ['brain.v2.nii.gz'],
      Normalization: { Stride: 8, Seed: 42 },
    })
    expect(JSON.stringify(sidecar)).not.toContain('/somewhere')
    const labels = await readVolumeFile(path.join(out, 'brain.v2_dseg.nii.gz'))
    const source = await readVolumeFile(path.join(folder, 'brain.v2.nii.gz'))
    expect(labels.affine).toEqual(source.affine)
    expect(labels.header.datatype).toBe('uint8')
    expect([...labels.data.slice(0, 2), ...labels.data.slice(-2)]).toEqual([0, 0, 2, 2])
  })

  it('writes BIDS names into a derivative tree', async () => {
    const out = path.join(folder, 'derivatives')
    const image = path.join(folder, 'bids', 'sub-01', 'ses-2', 'anat', 'sub-01_ses-2_T1w.nii.gz')
    const { files } = await write(out, image)
    expect([...files].sort()).toEqual(
      ['desc-norm_T1w.json', 'desc-norm_T1w.nii.gz', 'dseg.json', 'dseg.nii.gz', 'volumes.tsv'].map(
        (name) => `sub-01/ses-2/anat/sub-01_ses-2_${name}`,
      ),
    )
    writeFolderFiles(out, provenance, labelConvention('bids'))
    expect(JSON.parse(readFileSync(path.join(out, 'dataset_description.json'), 'utf8'))).toMatchObject({
      DatasetType: 'derivative',
      GeneratedBy: [{ Name: 'voxnorm' }],
    })
    const table = parseTable(readFileSync(path.join(out, 'dseg.tsv'), 'utf8'), 'dseg')
    expect(table.rows.map(({ cells }) => cells.abbreviation)).toEqual(['BG', 'GM', 'WM', 'CSF'])
  })
})

describe('predictAll', () => {
  const log = openLog({ write: () => {}, terminal: false, format: 'text', quiet: true, now: Date.now })
  const predictAllOptions = (out: string) => ({
    out,
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
    },
    convention: labelConvention('paper'),
    probabilities: false,
    provenance,
  })

  it('goes on after an input that cannot be used, and stores previews', async () => {
    const data = path.join(folder, 'batch')
    await writeVolumeFile(path.join(data, 'good.nii.gz'), makeVolume(SHAPE, ramp(SHAPE), ODD))
    writeFileSync(path.join(data, 'bad.nii.gz'), 'no image')
    const out = path.join(folder, 'batch-out')
    const inputs = await readInputs(
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
      exitCode: 65,
    })
  })

  it('stops at once when the device is lost', async () => {
    const inputs = await readInputs([path.join(folder, 'batch', 'good.nii.gz')], [], ['T1w'])
    const lost = async () => {
      throw Object.assign(new Error('the device was lost'), { name: 'DeviceError', kind: 'lost' })
    }
    const attempt = predictAll(inputs, lost, predictAllOptions(path.join(folder, 'lost')), log)
    await expect(attempt).rejects.toThrow('the device was lost')
  })
})

describe('readInputs', () => {
  it('joins modalities, takes folders of images, and gives masks to files', async () => {
    const loose = path.join(folder, 'loose')
    mkdirSync(loose)
    for (const name of ['b.nii', 'a.nii.gz', 'a_T2.nii.gz', 'notes.txt'])
      writeFileSync(path.join(loose, name), '')
    const [pair] = await readInputs(
      [`${loose}/a.nii.gz,${loose}/a_T2.nii.gz`],
      [`${loose}/b.nii`],
      ['T1w', 'T2w'],
    )
    expect(pair!.names).toMatchObject({
      base: 'a',
      normalized: ['a_desc-norm', 'a_T2_desc-norm'],
      bids: false,
      folder: '',
    })
    expect(pair!.mask).toBe(`${loose}/b.nii`)
    const all = await readInputs([loose], [], ['T1w'])
    expect(all.map(({ names }) => names.stem)).toEqual(['a', 'a_T2', 'b'])
  })

  it('refuses what cannot be meant', async () => {
    const loose = path.join(folder, 'loose')
    const reject = async (words: string[], masks: string[], modalities: string[]) =>
      await readInputs(words, masks, modalities).catch((error: unknown) => error)
    expect(await reject([`${loose}/none.nii`], [], ['T1w'])).toMatchObject({ exitCode: 66 })
    expect(await reject([`${loose}/a.nii.gz`], [], ['T1w', 'T2w'])).toMatchObject({ exitCode: 64 })
    expect(await reject([`${loose}/a.nii.gz`, `${loose}/b.nii`], [`${loose}/b.nii`], ['T1w'])).toMatchObject({
      exitCode: 64,
    })
    mkdirSync(path.join(folder, 'other'))
    writeFileSync(path.join(folder, 'other', 'a.nii.gz'), '')
    const twice = await reject([`${loose}/a.nii.gz`, path.join(folder, 'other', 'a.nii.gz')], [], ['T1w'])
    expect((twice as Error).message).toMatch(/would be written to the same names/)
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
    const inputs = await readInputs([path.join(root, 'dataset.tsv')], [], ['T1w'])
    expect(inputs.map(({ names, site, split }) => [names.folder, names.base, site, split])).toEqual([
      ['A/p1', 'T1', 'A', 'test'],
      ['B/p2', 'T1', 'B', 'train'],
    ])
  })
})

describe('readModel', () => {
  const config = {
    modalities: ['T1w'],
    sites: ['a', 'b'],
    classes: ['BG', 'CSF', 'GM', 'WM'],
    base: 4,
    padding: 'replicate',
    activation: 'relu',
    generatorOutput: 'sigmoid',
    scaling: 'max',
    patch: 16,
  }
  const save = (file: string, metadata: Record<string, string>) => {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(
      file,
      writeSafetensors({
        metadata,
        tensors: new Map([['generator.x', { shape: [1], values: Float32Array.of(1) }]]),
      }),
    )
  }
  const good = { format: 'voxnorm', version: '1', config: JSON.stringify(config) }

  it('takes a file, a model folder, and the best checkpoint of a run folder', () => {
    const run = path.join(folder, 'run')
    save(path.join(run, 'checkpoints', 'latest.safetensors'), good)
    expect(readModel(run).file).toBe(path.join(run, 'checkpoints', 'latest.safetensors'))
    save(path.join(run, 'checkpoints', 'best.safetensors'), good)
    save(path.join(run, 'model', 'model.safetensors'), good)
    expect(readModel(run).file).toBe(path.join(run, 'checkpoints', 'best.safetensors'))
    expect(readModel(path.join(run, 'model')).config).toMatchObject(config)
    expect(readModel(path.join(run, 'checkpoints', 'best.safetensors')).sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  it('explains what is wrong with a model', () => {
    const attempt = (place: string) => {
      try {
        return readModel(place)
      } catch (error) {
        return error
      }
    }
    const at = (name: string) => path.join(folder, 'models', name)
    save(at('foreign'), { format: 'pt' })
    save(at('empty-config'), { ...good, config: '{}' })
    writeFileSync(at('cut'), readFileSync(at('foreign')).subarray(0, 20))
    mkdirSync(at('nothing'))
    expect(attempt(at('absent'))).toMatchObject({ exitCode: 66 })
    expect(attempt(at('nothing'))).toMatchObject({ exitCode: 66 })
    expect(attempt(at('cut'))).toMatchObject({ exitCode: 65 })
    expect((attempt(at('foreign')) as Error).message).toContain('not a voxnorm model')
    expect((attempt(at('empty-config')) as Error).message).toContain('modalities cannot be used')
  })
})
