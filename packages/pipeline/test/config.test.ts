import path from 'node:path'
import { ConfigError, MissingInputError } from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { parseDuration } from '../src/config/duration.ts'
import { type Overrides, parseConfig } from '../src/config/parse-config.ts'
import { PRESETS } from '../src/config/presets.ts'
import { configSchema } from '../src/config/schema.ts'
import { readConfig } from '../src/node/read-config.ts'

function messageOf(text: string, overrides: Overrides = {}): string {
  try {
    parseConfig(text, 'run.yaml', overrides)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as ConfigError).kind).toBe('config')
    return (error as ConfigError).message
  }
  throw new Error('the configuration was accepted')
}

describe('presets', () => {
  it.each(Object.entries(PRESETS))('%s is a valid configuration on its own', (name, preset) => {
    expect(configSchema.parse(preset)).toEqual(preset)
    expect(preset.preset).toBe(name)
  })

  it('paper holds the published numbers', () => {
    const config = parseConfig('data: {table: d.tsv}', 'run.yaml')
    expect(config.loss).toEqual({
      lambda: 1.5,
      ramp: [0, 0],
      classWeights: { BG: 0.22, CSF: 0.3, GM: 0.2, WM: 0.28 },
      adversarial: 'minimax',
      dice: 'global',
    })
    expect(config.train).toMatchObject({
      method: 'adversarial',
      epochs: 120,
      batch: 72,
      discriminatorSteps: 3,
    })
    expect(config.data).toMatchObject({ patch: 32, patchesPerSite: 40_000, validationPatchesPerSite: 12_000 })
  })
})

describe('reading', () => {
  it('overrides single keys of the preset and keeps the others', () => {
    const config = parseConfig('preset: tiny\nloss: {classWeights: {GM: 0.5}}\n', 'run.yaml')
    expect(config.loss.classWeights).toEqual({ ...PRESETS.tiny.loss.classWeights, GM: 0.5 })
    expect(config.data.patch).toBe(16)
  })

  it('accepts JSON and an empty file', () => {
    expect(parseConfig('{"seed": 7}', 'run.json').seed).toBe(7)
    expect(parseConfig('', 'run.yaml').preset).toBe('paper')
  })

  it('lets the standardization baseline see z-scored images unless another scaling is written', () => {
    const scalingOf = (text: string) => parseConfig(text, 'run.yaml').data.scaling
    expect(scalingOf('train: {method: standardization}')).toBe('zscore')
    expect(scalingOf('train: {method: baseline}')).toBe('max')
    expect(scalingOf('train: {method: standardization}\ndata: {scaling: max}')).toBe('max')
  })

  it('lets a generator see only images in the range of its sigmoid', () => {
    const scalings = ['max', 'zscore', 'nyul', 'white-stripe']
    const allowed = (method: string) =>
      scalings.filter((scaling) => {
        try {
          return parseConfig(`train: {method: ${method}}\ndata: {scaling: ${scaling}}`, 'run.yaml')
        } catch {
          return false
        }
      })
    expect(allowed('adversarial')).toEqual(['max', 'nyul'])
    expect(allowed('preprocessor')).toEqual(['max', 'nyul'])
    expect(allowed('standardization')).toEqual(scalings)
    expect(allowed('baseline')).toEqual(scalings)
    expect(() => parseConfig('seed: 1\ndata: {scaling: white-stripe}', 'run.yaml')).toThrow(
      'run.yaml:2: train.method adversarial rewrites images whose intensities lie in 0..1, and those of data.scaling white-stripe do not.\n' +
        '  fix: use data.scaling: max or unit-zscore or nyul, or train.method: baseline',
    )
  })

  it('takes the table relative to the file, and --set relative to the working folder', () => {
    expect(parseConfig('data: {table: d.tsv}', 'some/where/run.yaml').data.table).toBe(
      path.resolve('some/where/d.tsv'),
    )
    const set = ['data.table=e.tsv']
    expect(parseConfig('', 'some/where/run.yaml', { set }).data.table).toBe(path.resolve('e.tsv'))
  })

  it('lets --set and --seed win over the file', () => {
    const config = parseConfig('seed: 1\nloss: {lambda: 2}', 'run.yaml', {
      set: ['loss.lambda=5', 'data.modalities=[T1w, T2w]', 'preset=tiny'],
      seed: 9,
    })
    expect(config).toMatchObject({ seed: 9, preset: 'tiny', loss: { lambda: 5 } })
    expect(config.data.modalities).toEqual(['T1w', 'T2w'])
  })

  it('lets --fold win over the file, and says which of them is wrong', () => {
    expect(parseConfig('', 'run.yaml').data.fold).toBe('none')
    expect(parseConfig('data: {fold: loso:paris}', 'run.yaml').data.fold).toBe('loso:paris')
    const flag = { set: ['data.fold=loso:rome'], fold: 'loso:site #1' }
    expect(parseConfig('data: {fold: loso:paris}', 'run.yaml', flag).data.fold).toBe('loso:site #1')
    const expected = 'data.fold must be none, or loso:SITE to leave one site out, not "paris".'
    expect(messageOf('data: {fold: paris}')).toContain(`run.yaml:1: ${expected}`)
    expect(messageOf('', { fold: 'paris' })).toContain(`--fold paris: ${expected}`)
  })

  it('takes an explicit label map', () => {
    const config = parseConfig('data: {labels: {CSF: 1, GM: [2, 4], WM: 3}}', 'run.yaml')
    expect(config.data.labels).toEqual({ CSF: [1], GM: [2, 4], WM: [3] })
  })

  it('says that a missing file is missing', () => {
    expect(() => readConfig('does-not-exist.yaml')).toThrow(MissingInputError)
    expect(() => readConfig('does-not-exist.yaml')).toThrow(
      /^does-not-exist\.yaml: the configuration does not exist\./,
    )
  })
})

describe('mistakes', () => {
  it('names the nearest key and the line for an unknown key', () => {
    expect(messageOf('data:\n  table: d.tsv\n  pach: 32\n')).toBe(
      'run.yaml:3: unknown key "pach" in data; did you mean "patch"?\n' +
        '  fix: the known keys here are table, labels, maskFrom, modalities, scaling, patch, patchesPerSite, validationPatchesPerSite, voxelSize, fold',
    )
    expect(messageOf('seed: 1\ntrian: {epochs: 3}\n')).toMatch(
      /^run\.yaml:2: unknown key "trian"; did you mean "train"\?/,
    )
    expect(messageOf('\n\nzzzzzz: 3\n')).toMatch(/^run\.yaml:3: unknown key "zzzzzz"\.\n/)
    expect(messageOf('{\n"loss": {\n"lamda": 3}}')).toMatch(
      /^run\.yaml:3: unknown key "lamda" in loss; did you mean "lambda"\?/,
    )
  })

  it.each([
    [
      'optim:\n  generator:\n    lr: fast\n',
      'run.yaml:3: optim.generator.lr must be a number greater than 0, not "fast".',
    ],
    ['loss: {lambda: -1}', 'run.yaml:1: loss.lambda must be a number of 0 or more, not -1.'],
    ['train: {epochs: 1.5}', 'run.yaml:1: train.epochs must be a whole number of 1 or more, not 1.5.'],
    [
      'train: {microBatch: some}',
      'run.yaml:1: train.microBatch must be a whole number of 1 or more, or auto, not "some".',
    ],
    [
      'train: {timeLimit: soon}',
      'run.yaml:1: train.timeLimit must be a length of time such as 90s, 10m or 1h30m, or none, not "soon".',
    ],
    [
      'train:\n  method: gan\n',
      'run.yaml:2: train.method must be one of adversarial, preprocessor, standardization, baseline, not "gan".',
    ],
    [
      'data: {modalities: [T1w, 3]}',
      'run.yaml:1: data.modalities must be a list of column names such as [T1w, T2w], not ["T1w",3].',
    ],
    [
      'data: 3',
      'run.yaml:1: data must be a map with the keys table, labels, maskFrom, modalities, scaling, patch, patchesPerSite, validationPatchesPerSite, voxelSize, fold, not 3.',
    ],
    ['preset: huge', 'run.yaml:1: preset must be one of paper, authors-code, tiny, voxnorm, not "huge".'],
    [
      'augment: {biasField: {alpha: [1, 0]}}',
      'run.yaml:1: augment.biasField.alpha must be two numbers from 0 to 1, the smaller first, not [1,0].',
    ],
    [
      'data: {labels: {CSF: 1, GN: 2, WM: 3}}',
      'run.yaml:1: unknown key "GN" in data.labels; did you mean "GM"?\n  fix: the known keys here are BG, CSF, GM, WM',
    ],
    [
      'data: {labels: brain}',
      'run.yaml:1: data.labels must be one of auto, bids, paper, iseg, mrbrains13, mrbrains13-testing, fsl-fast, freesurfer, freesurfer-cerebrum, freesurfer-code, or a map such as {CSF: 1, GM: [2, 4], WM: 3}, not "brain".',
    ],
    [
      '[1, 2]',
      'run.yaml:1: the configuration must be a map of keys such as "data: {table: dataset.tsv}".\n  fix: voxnorm train --help shows an example',
    ],
    [
      'data: {patch: 20}',
      'run.yaml:1: data.patch must be a multiple of 8 (three poolings halve it three times), not 20.\n  fix: use 24',
    ],
    [
      'preset: voxnorm\nmodel: {generatorOutput: sigmoid}',
      'run.yaml:2: model.generatorOutput sigmoid would squeeze what model.generator.architecture curves gives.\n  fix: use model.generatorOutput: none, as preset: voxnorm does',
    ],
    [
      'preset: tiny\ninference: {stride: 17}',
      'run.yaml:2: inference.stride 17 is larger than data.patch 16; windows would leave gaps.\n  fix: use a stride of at most the patch size',
    ],
  ])('%j', (text, expected) => {
    expect(messageOf(text)).toBe(expected)
  })

  it('points at broken YAML', () => {
    expect(messageOf('seed: 1\ndata: {table: d.tsv\n')).toMatch(
      /^run\.yaml:\d+: .*\n {2}fix: correct the YAML/,
    )
    expect(messageOf('seed: 1\nseed: 2\n')).toMatch(/^run\.yaml:2: Map keys must be unique\./)
  })

  it('points at --set when that is where the value comes from', () => {
    expect(messageOf('loss: {lambda: 1}', { set: ['loss.lamda=5'] })).toMatch(
      /^--set loss\.lamda=5: unknown key "lamda" in loss; did you mean "lambda"\?/,
    )
    expect(messageOf('', { set: ['train.batch=none'] })).toBe(
      '--set train.batch=none: train.batch must be a whole number of 1 or more, not "none".',
    )
    expect(messageOf('', { set: ['train.batch'] })).toMatch(
      /^--set needs key\.path=value, not "train\.batch"\./,
    )
    expect(messageOf('', { set: ['data.patch=12'] })).toMatch(
      /^--set data\.patch=12: data\.patch must be a multiple of 8/,
    )
  })
})

describe('parseDuration', () => {
  it.each([
    ['90s', 90],
    ['10m', 600],
    ['2h', 7200],
    ['1h30m', 5400],
    ['1.5h', 5400],
    ['none', Number.POSITIVE_INFINITY],
    ['', undefined],
    ['10', undefined],
    ['0s', undefined],
    ['-3m', undefined],
  ])('%j is %s', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
  })
})
