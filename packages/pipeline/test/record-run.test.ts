import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readSafetensors, writeSafetensors } from '@voxnorm/autograd'
import { ConfigError, fitIntensityReference } from '@voxnorm/data'
import type { TrainingEvent } from '@voxnorm/models'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PRESETS } from '../src/config/presets.ts'
import { assertFitsSites, assertResumable, toTraining } from '../src/config/to-training.ts'
import { openDiskSink } from '../src/node/disk.ts'
import { writeModelFolder } from '../src/training/model-folder.ts'
import { recordRun } from '../src/training/record-run.ts'
import { openRunFolder } from '../src/training/run-folder.ts'
import { readMetrics } from '../src/training/run-records.ts'
import { openTestLog } from './log.ts'

const log = openTestLog()
let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-record-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const tensor = (value: number) => ({ shape: [1], values: Float32Array.of(value) })
/** Two iterations an epoch; `done` counts them over the run. */
const at = (done: number) => ({ epoch: 1, iteration: done - 1, done, time: done })
const checkpoint = (which: 'latest' | 'best', value: number): TrainingEvent => ({
  kind: 'checkpoint',
  which,
  ...at(value),
  tensors: new Map([
    ['generator.out.bias', tensor(value)],
    ['optimizer.generator.exp_avg.out.bias', tensor(9)],
  ]),
  metadata: { format: 'voxnorm', version: '1', config: '{"base":4}', iteration: String(value) },
})
const step = (done: number): TrainingEvent => ({
  kind: 'step',
  ...at(done),
  values: { 'loss.seg': 1 / done },
})

describe('recordRun', () => {
  it('writes numbers and checkpoints, and returns how it ended', async () => {
    async function* events(): AsyncGenerator<TrainingEvent> {
      yield step(1)
      yield step(2)
      yield { kind: 'validation', ...at(2), values: { 'dice.mean': 0.5 } }
      yield checkpoint('best', 2)
      yield checkpoint('latest', 2)
      yield { kind: 'stopped', ...at(2), reason: 'time-limit' }
    }
    const directory = await openRunFolder(openDiskSink(folder))
    const { reason, last, saved } = await recordRun(events(), directory, log, {
      iterations: 2,
      timeLimit: Number.POSITIVE_INFINITY,
    })
    expect({ reason, saved, dice: last!['dice.mean'] }).toEqual({
      reason: 'time-limit',
      saved: true,
      dice: 0.5,
    })
    expect((await readMetrics(openDiskSink(folder))).map(({ kind, iteration }) => [kind, iteration])).toEqual(
      [
        ['step', 1],
        ['step', 2],
        ['validation', 2],
      ],
    )
    const stored = readSafetensors(readFileSync(path.join(folder, 'checkpoints', 'latest.safetensors')))
    expect(stored.metadata.iteration).toBe('2')
  })

  it('keeps what was told before an error', async () => {
    async function* events(): AsyncGenerator<TrainingEvent> {
      yield step(1)
      throw new Error('the device was lost')
    }
    const directory = await openRunFolder(openDiskSink(folder))
    await expect(
      recordRun(events(), directory, log, { iterations: 2, timeLimit: Number.POSITIVE_INFINITY }),
    ).rejects.toThrow('the device was lost')
    expect(await readMetrics(openDiskSink(folder))).toHaveLength(1)
  })
})

describe('writeModelFolder', () => {
  it('keeps the weights and leaves the optimizer out', async () => {
    const directory = await openRunFolder(openDiskSink(folder))
    async function* events(): AsyncGenerator<TrainingEvent> {
      yield checkpoint('best', 3)
    }
    await recordRun(events(), directory, log, { iterations: 1, timeLimit: Number.POSITIVE_INFINITY })
    await writeModelFolder(directory, (await directory.readCheckpoint('best'))!, {
      version: '0.1.0',
      dataset: {
        sites: ['a'],
        modalities: ['T1w'],
        rows: [{ participant_id: 's', site: 'a', split: 'train', images: {} }],
      },
      method: 'preprocessor',
      seed: 1,
      adapter: 'SwiftShader',
      best: { kind: 'validation', epoch: 1, iteration: 3, time: 1, 'dice.mean': 0.8125 },
    })
    const { tensors, metadata } = readSafetensors(
      readFileSync(path.join(folder, 'model', 'model.safetensors')),
    )
    expect([...tensors.keys()]).toEqual(['generator.out.bias'])
    expect(metadata).toEqual({ format: 'voxnorm', version: '1', config: '{"base":4}' })
    const record = JSON.parse(readFileSync(path.join(folder, 'model', 'model.json'), 'utf8'))
    expect(record).toMatchObject({
      config: { base: 4 },
      training: { subjects: { a: { train: 1, test: 0 } } },
    })
    const card = readFileSync(path.join(folder, 'model', 'README.md'), 'utf8')
    expect(card).toContain('Not for clinical use')
    expect(card).toContain('0.813')
    expect(card).toContain(record.sha256)
    expect(card).toContain('there will be no warning')
  })

  it('says on the card that the weights are from the warm-up', async () => {
    const directory = await openRunFolder(openDiskSink(path.join(folder, 'young')))
    const checkpoint = writeSafetensors({
      metadata: { format: 'voxnorm', version: '1', config: '{"base":4}' },
      tensors: new Map([['generator.out.bias', { shape: [1], values: Float32Array.of(1) }]]),
    })
    const facts = {
      version: '0.1.0',
      dataset: { sites: ['a'], modalities: ['T1w'], rows: [] },
      method: 'adversarial',
      seed: 1,
      adapter: 'SwiftShader',
      best: undefined,
    }
    const card = () => readFileSync(path.join(folder, 'young', 'model', 'README.md'), 'utf8')
    await writeModelFolder(directory, checkpoint, { ...facts, warmUp: 'It was too short.' })
    expect(card()).toContain('on SwiftShader.\n\n**It was too short.**\n\n| site |')
    await writeModelFolder(directory, checkpoint, facts)
    expect(card()).toContain('on SwiftShader.\n\n| site |')
  })

  it('carries what the training scans look like in the weights and beside them', async () => {
    const directory = await openRunFolder(openDiskSink(path.join(folder, 'knowing')))
    const intensityReference = fitIntensityReference(
      Array.from({ length: 6 }, (_, scan) => [scan, scan % 3]),
      ['a', 'b', 'a', 'b', 'a', 'b'],
    )
    const checkpoint = writeSafetensors({
      metadata: { format: 'voxnorm', version: '1', config: '{"base":4}' },
      tensors: new Map([['generator.out.bias', { shape: [1], values: Float32Array.of(1) }]]),
    })
    await writeModelFolder(directory, checkpoint, {
      version: '0.1.0',
      dataset: { sites: ['a', 'b'], modalities: ['T1w'], rows: [] },
      method: 'adversarial',
      seed: 1,
      adapter: 'SwiftShader',
      best: undefined,
      intensityReference,
    })
    const at = (name: string) => readFileSync(path.join(folder, 'knowing', 'model', name))
    const { metadata } = readSafetensors(at('model.safetensors'))
    expect(JSON.parse(metadata.intensityReference!)).toEqual(intensityReference)
    expect(JSON.parse(at('model.json').toString()).intensityReference).toEqual(intensityReference)
    expect(at('README.md').toString()).toContain('warns where the intensities of a scan are unlike')
  })
})

describe('configuration for training', () => {
  it('gives times in seconds', () => {
    expect(toTraining(PRESETS.paper).train.timeLimit).toBe(Number.POSITIVE_INFINITY)
    const limited = { ...PRESETS.paper, train: { ...PRESETS.paper.train, timeLimit: '10m' } }
    expect(toTraining(limited).train.timeLimit).toBe(600)
  })

  it('leaves the fold to the subjects, so that checkpoints of before can be resumed', () => {
    expect(toTraining(PRESETS.tiny).data).not.toHaveProperty('fold')
    const other = { ...PRESETS.tiny, data: { ...PRESETS.tiny.data, fold: 'loso:a' } }
    expect(() => assertResumable(PRESETS.tiny, other, 'run')).toThrow(/^run: data\.fold differs from/)
  })

  it('needs two sites for a discriminator', () => {
    expect(() => assertFitsSites(PRESETS.tiny, ['a', 'b'])).not.toThrow()
    expect(() => assertFitsSites(PRESETS.tiny, ['a'])).toThrow(
      'train.method adversarial needs training subjects of two sites or more, but dataset.tsv has only a.\n' +
        '  fix: add a site, or use train.method: preprocessor, which needs one',
    )
    const single = { ...PRESETS.tiny, train: { ...PRESETS.tiny.train, method: 'preprocessor' as const } }
    expect(() => assertFitsSites(single, ['a'])).not.toThrow()
  })

  it('takes bids of a run from before there was a choice for what its data said', () => {
    const { tiny } = PRESETS
    const bids = { ...tiny, data: { ...tiny.data, labels: 'bids' as const } }
    const iseg = { ...tiny, data: { ...tiny.data, labels: 'iseg' as const } }
    expect(tiny.data.labels).toBe('auto')
    expect(() => assertResumable(bids, tiny, 'run')).not.toThrow()
    expect(() => assertResumable(tiny, bids, 'run')).toThrow(/^run: data\.labels differs from/)
    expect(() => assertResumable(iseg, tiny, 'run')).toThrow(/^run: data\.labels differs from/)
  })

  it('resumes with other lengths only', () => {
    const longer = { ...PRESETS.tiny, train: { ...PRESETS.tiny.train, epochs: 99, timeLimit: '1h' } }
    expect(() => assertResumable(PRESETS.tiny, longer, 'run')).not.toThrow()
    const other = { ...PRESETS.tiny, loss: { ...PRESETS.tiny.loss, lambda: 3 } }
    expect(() => assertResumable(PRESETS.tiny, other, 'run')).toThrow(ConfigError)
    expect(() => assertResumable(PRESETS.tiny, other, 'run')).toThrow(/^run: loss\.lambda differs from/)
  })
})
