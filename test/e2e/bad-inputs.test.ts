import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { readSafetensors, type StoredTensor, writeSafetensors } from '@voxnorm/autograd'
import { makeVolume, type Volume } from '@voxnorm/data'
import { readVolumeFile, writeVolumeFile } from '@voxnorm/data/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mountable } from './disk.ts'
import { built, makeWorkplace, openCommands, voxnormOnFullDisk } from './program.ts'

const ANAT = 'data/sub-adult03/anat/sub-adult03_T1w.nii.gz'
const LABEL = 'data/derivatives/voxnorm-synth/sub-adult01/anat/sub-adult01_dseg.nii.gz'

interface OpenModel {
  readonly metadata: Record<string, string>
  readonly tensors: Map<string, StoredTensor>
}

describe.skipIf(!built)('what cannot be used (needs the build)', () => {
  const { voxnorm, close } = openCommands()
  let place: ReturnType<typeof makeWorkplace>
  let image: Volume
  const at = (...parts: string[]) => path.join(place.folder, ...parts)
  const predict = (input: string, ...words: string[]) =>
    voxnorm(place.folder, 'predict', '-m', 'run', '-i', input, '-o', 'out', '--device', 'software', ...words)
  const train = (...words: string[]) =>
    voxnorm(place.folder, 'train', 'config.yaml', '-o', 'new', '--device', 'software', ...words)

  /** An uncompressed copy of the image with some bytes of its header changed. */
  const withHeader = (name: string, change: (header: DataView) => void) => {
    const bytes = new Uint8Array(readFileSync(at('whole.nii')))
    change(new DataView(bytes.buffer))
    writeFileSync(at(name), bytes)
  }
  /** A model whose tensors or metadata are changed. */
  const withModel = (name: string, change: (file: OpenModel) => void) => {
    const { metadata, tensors } = readSafetensors(readFileSync(at('run/model/model.safetensors')))
    const file = { metadata: { ...metadata }, tensors: new Map(tensors) }
    change(file)
    writeFileSync(at(name), writeSafetensors(file))
  }
  /** The dataset's table with one text replaced. */
  const withTable = (name: string, from: string | RegExp, to: string) => {
    writeFileSync(at('data', name), readFileSync(at('data/dataset.tsv'), 'utf8').replace(from, to))
  }

  beforeAll(async () => {
    place = makeWorkplace()
    const { code, err } = await voxnorm(
      place.folder,
      'train',
      'config.yaml',
      '-o',
      'run',
      '--set',
      'train.epochs=1',
    )
    if (code !== 0) throw new Error(err)
    image = await readVolumeFile(at(ANAT))
    await writeVolumeFile(at('whole.nii'), image)
    writeFileSync(at('empty.nii.gz'), '')
    const packed = readFileSync(at(ANAT))
    writeFileSync(at('truncated.nii.gz'), packed.subarray(0, packed.length / 2))
    writeFileSync(at('text.nii.gz'), gzipSync('this is no image'))
    // dim[] begins at byte 40: the number of axes, then their lengths.
    withHeader('lies.nii', (header) => header.setInt16(42, 3000, true))
    withHeader('flat.nii', (header) => {
      header.setInt16(40, 2, true)
      header.setInt16(46, 1, true)
    })
    withHeader('series.nii', (header) => {
      header.setInt16(40, 4, true)
      header.setInt16(46, 11, true)
      header.setInt16(48, 2, true)
    })
    const like = (data: Float32Array) => makeVolume(image.shape, data, image.affine, image.header)
    await writeVolumeFile(
      at('nan.nii.gz'),
      like(image.data.map((value, index) => (index === 5000 ? Number.NaN : value))),
    )
    await writeVolumeFile(at('zero.nii.gz'), like(new Float32Array(image.data.length)))
    const small = makeVolume([8, 8, 8], new Float32Array(512).fill(1), image.affine)
    await writeVolumeFile(at('small.nii.gz'), small)

    const label = await readVolumeFile(at(LABEL))
    const foreign = label.data.map((value) => (value === 2 ? 7 : value))
    await writeVolumeFile(
      at('data/foreign.nii.gz'),
      makeVolume(label.shape, foreign, label.affine, label.header),
    )
    copyFileSync(at('small.nii.gz'), at('data/small.nii.gz'))
    const own = path.relative('data', LABEL)
    withTable('foreign.tsv', own, 'foreign.nii.gz')
    withTable('grids.tsv', own, 'small.nii.gz')
    withTable('missing.tsv', own, 'nowhere.nii.gz')
    withTable('one-site.tsv', /adult-bright/g, 'adult')

    writeFileSync(
      at('corrupt.safetensors'),
      readFileSync(at('run/model/model.safetensors')).subarray(0, 5000),
    )
    withModel('other-shape.safetensors', ({ metadata }) => {
      metadata.config = metadata.config!.replace('"base":2', '"base":4')
    })
    withModel('not-finite.safetensors', ({ tensors }) => {
      const bias = tensors.get('segmenter.out.bias')!
      tensors.set('segmenter.out.bias', { ...bias, values: new Float32Array(4).fill(Number.NaN) })
    })
  })
  afterAll(() => {
    close()
    place.remove()
  })

  it.each([
    ['a file that does not exist', 'nowhere.nii.gz', 66],
    ['an empty file', 'empty.nii.gz', 65],
    ['a truncated file', 'truncated.nii.gz', 65],
    ['a file of something else', 'text.nii.gz', 65],
    ['a header that promises more than there is', 'lies.nii', 65],
    ['a flat image', 'flat.nii', 65],
    ['a time series', 'series.nii', 65],
    ['an image with NaN', 'nan.nii.gz', 65],
    ['an image of zeros', 'zero.nii.gz', 65],
  ])('predict names %s', async (_, file, code) => {
    const finished = await predict(file)
    expect(finished.err).toContain(file)
    expect(finished.err.trimEnd().split('\n').at(-1)).not.toContain('    at ')
    expect(finished.code).toBe(code)
    expect(filesBelow(at('out')).filter((name) => /\.nii|\.tmp$/.test(name))).toEqual([])
  })

  it('predict goes on after an input that cannot be used', async () => {
    const { code } = await voxnorm(
      place.folder,
      'predict',
      '-m',
      'run',
      '-i',
      'nan.nii.gz',
      ANAT,
      '-o',
      'some',
    )
    expect(code).toBe(1)
    expect(readFileSync(at('some/failures.tsv'), 'utf8')).toContain('nan.nii.gz')
    expect(existsSync(at('some/sub-adult03/anat/sub-adult03_dseg.nii.gz'))).toBe(true)
  })

  it.each([
    ['a mask on another grid', ['--mask', 'small.nii.gz'], 65],
    ['a window that cannot be halved', ['--window', '12'], 64],
    ['a stride that leaves gaps', ['--stride', '64'], 64],
    ['an unknown grid', ['--grid', 'mine'], 64],
    ['an unknown label convention', ['--label-convention', 'mine'], 64],
    ['two images for one channel', ['-i', `${ANAT},${ANAT}`], 64],
    ['a device that is not there', ['--device', 'nonsense'], 69],
    ['a model that does not exist', ['-m', 'nowhere'], 66],
    ['a corrupt model', ['-m', 'corrupt.safetensors'], 65],
    ['a model of another shape', ['-m', 'other-shape.safetensors'], 65],
    ['a model that is not finite', ['-m', 'not-finite.safetensors'], 65],
    ['a model that is an image', ['-m', ANAT], 65],
  ])('predict refuses %s', async (_, words, code) => {
    const finished = await predict(ANAT, ...words)
    expect(finished.err).toMatch(/error: /)
    expect(finished.code).toBe(code)
    expect(filesBelow(at('out')).filter((name) => /\.nii|\.tmp$/.test(name))).toEqual([])
  })

  it.each([
    ['an unknown key', ['--set', 'optim.generator.learningRate=1'], 64, 'learningRate'],
    ['a patch that cannot be halved', ['--set', 'data.patch=12'], 64, 'multiple of 8'],
    ['one site', ['--set', 'data.table=data/one-site.tsv'], 64, 'two sites'],
    ['a table that does not exist', ['--set', 'data.table=nowhere.tsv'], 66, 'nowhere.tsv'],
    ['a label file that does not exist', ['--set', 'data.table=data/missing.tsv'], 66, 'nowhere.nii.gz'],
    ['labels outside the convention', ['--set', 'data.table=data/foreign.tsv'], 65, '7'],
    ['a label on another grid', ['--set', 'data.table=data/grids.tsv'], 65, 'small.nii.gz'],
    ['a modality that is not there', ['--set', 'data.modalities=[T2w]'], 65, 'T2w'],
    ['a device that is not there', ['--device', 'nonsense'], 69, 'nonsense'],
  ])('train refuses %s and leaves nothing behind', async (_, words, code, says) => {
    const finished = await train(...words)
    expect(finished.err).toContain(says)
    expect(finished.code).toBe(code)
    expect(existsSync(at('new'))).toBe(false)
  })

  it('train names a configuration that does not exist', async () => {
    expect((await voxnorm(place.folder, 'train', 'nowhere.yaml', '-o', 'new')).code).toBe(66)
  })

  it('train refuses to resume with other settings', async () => {
    const { code, err } = await voxnorm(
      place.folder,
      'train',
      'config.yaml',
      '-o',
      'run',
      '--resume',
      '--seed',
      '9',
    )
    expect(err).toContain('seed')
    expect(code).toBe(64)
  })

  // A disk that is really full says more: full-disk.test.ts.
  it.skipIf(mountable)('says 74 and leaves nothing half-written on a full disk', () => {
    const words = ['--device', 'software', '--quiet']
    const full = (...command: string[]) => voxnormOnFullDisk(place.folder, ...command, ...words)
    const predicted = full('predict', '-m', 'run', '-i', ANAT, '-o', 'full')
    expect(predicted.err).toMatch(/no space left|disk is full/)
    expect(predicted.code).toBe(74)
    expect(filesBelow(at('full')).filter((name) => /\.nii|\.tmp$/.test(name))).toEqual([])
    const trained = full('train', 'config.yaml', '-o', 'full-run')
    expect(trained.err).toMatch(/no space left|disk is full/)
    expect(trained.code).toBe(74)
    expect(filesBelow(at('full-run')).filter((name) => /\.safetensors|\.tmp$/.test(name))).toEqual([])
  })
})

function filesBelow(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String) : []
}
