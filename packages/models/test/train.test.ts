import { writeSafetensors } from '@voxnorm/autograd'
import {
  modelOfTraining,
  readModel,
  type TrainingConfig,
  type TrainingEvent,
  type TrainOptions,
  type TuneKernels,
  train,
} from '@voxnorm/models'
import type { Runtime } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openTestDevice } from './device.ts'
import { testDiverging } from './diverging-suite.ts'
import { testResuming } from './resume-suite.ts'
import { ball, tinyTraining, twoSites } from './subjects.ts'
import { eventsOf, expectSameTensors, last, ofKind } from './training-events.ts'

let runtime: Runtime
let close: () => void
beforeAll(async () => {
  const device = await openTestDevice()
  runtime = device.runtime
  close = device.close
})
afterAll(() => close?.())

const events = (config: TrainingConfig, options: TrainOptions = {}, data = twoSites()) =>
  eventsOf(runtime, config, options, data)

describe('train', () => {
  let whole: TrainingEvent[]
  beforeAll(async () => {
    whole = await events(tinyTraining())
  })

  it('computes with kernels that were chosen by measurement, the validation too', async () => {
    const measured: string[] = []
    const computed: string[] = []
    const tune: TuneKernels = async (tensors) => {
      for (const { op } of tensors) measured.push(op.name)
      return ({ op }) => {
        computed.push(op.name)
        return op.name === 'conv3dInput' ? 'direct' : undefined
      }
    }
    const tuned = await events(tinyTraining(), { tune })
    for (const op of ['conv3d', 'conv3dInput', 'conv3dWeight', 'upsampledConv3d'])
      expect(measured).toContain(op)
    // The same steps once more, and then the validation.
    expect(computed.slice(0, measured.length)).toEqual(measured)
    expect(computed.slice(measured.length)).toContain('conv3d')
    const [first, expected] = [ofKind(tuned, 'step')[0]!, ofKind(whole, 'step')[0]!]
    expect(first.values['loss.seg']).toBeCloseTo(expected.values['loss.seg']!, 4)
    const weights = (all: readonly TrainingEvent[]) =>
      last(all, 'latest').tensors.get('segmenter.enc1.conv0.weight')!
    expect(weights(tuned).values).not.toEqual(weights(whole).values)
  })

  it('tells its plan first and its end last, and what happens between', () => {
    expect(whole[0]).toMatchObject({
      kind: 'ready',
      networks: ['generator', 'segmenter', 'discriminator'],
      batch: 4,
      microBatch: 4,
      iterationsPerEpoch: 3,
    })
    expect(whole.at(-1)).toMatchObject({ kind: 'stopped', reason: 'finished', epoch: 2 })
    const steps = ofKind(whole, 'step')
    expect(steps.map(({ epoch, iteration }) => `${epoch}.${iteration}`)).toEqual([
      '0.0',
      '0.1',
      '0.2',
      '1.0',
      '1.1',
      '1.2',
    ])
    expect(Object.keys(steps[0]!.values).sort()).toEqual([
      'dis.accuracy',
      'loss.adv',
      'loss.dis',
      'loss.dis.fake',
      'loss.dis.real',
      'loss.seg',
      'loss.total',
      'lr.discriminator',
      'lr.generator',
      'lr.segmenter',
    ])
    const { values } = steps[0]!
    expect(values['loss.total']).toBeCloseTo(values['loss.seg']! + 0.5 * values['loss.adv']!, 5)
    expect(ofKind(whole, 'epoch')).toHaveLength(2)
  })

  it('measures the validation subjects', () => {
    const [{ values }] = ofKind(whole, 'validation') as never as [{ values: Record<string, number> }]
    expect(values['dice.mean']).toBeCloseTo(
      (values['dice.CSF']! + values['dice.GM']! + values['dice.WM']!) / 3,
      12,
    )
    expect(values['dice.mean']).toBeCloseTo((values['dice.site.a']! + values['dice.site.b']!) / 2, 12)
    expect(values['jsd.input']).toBeGreaterThan(0.1)
    expect(values['jsd.generated']).toBeLessThanOrEqual(Math.log(2))
    const confusion = Object.entries(values).filter(([name]) => name.startsWith('dis.confusion.'))
    expect(confusion).toHaveLength(9)
    expect(confusion.reduce((sum, [, share]) => sum + share, 0)).toBeCloseTo(1, 12)
    const diagonal = ['a', 'b', 'generated'].map((name) => values[`dis.confusion.${name}.${name}`]!)
    expect(values['dis.accuracy']).toBeCloseTo(
      diagonal.reduce((a, b) => a + b),
      12,
    )
    expect(values['loss.dis']).toBeCloseTo(values['loss.dis.real']! + values['loss.dis.fake']!, 12)
  })

  it('lowers the rates: at milestones, and where the loss of D stays', () => {
    const rates = ofKind(whole, 'step').map(({ values }) => values['lr.segmenter'])
    expect(rates).toEqual([3e-3, 3e-3, 3e-3, 3e-3, 3e-3, 3e-3])
    const { metadata } = last(whole, 'latest')
    expect(JSON.parse(metadata['progress']!).schedules.segmenter.rate).toBeCloseTo(3e-4, 12)
  })

  it('keeps the best by mean validation Dice', () => {
    const scores = ofKind(whole, 'validation').map(({ values }) => values['dice.mean']!)
    const best = last(whole, 'best')
    expect(JSON.parse(best.metadata['progress']!).bestScore).toBe(Math.max(...scores))
    expect(readModel(writeSafetensors(best)).config.sites).toEqual(['a', 'b'])
  })

  it('is the same again, and another one with another seed', async () => {
    const one = tinyTraining({ epochs: 1, iterationsPerEpoch: 1 })
    const [first, again, other] = [await events(one), await events(one), await events({ ...one, seed: 6 })]
    expectSameTensors(last(first, 'latest'), last(again, 'latest'))
    const weight = (all: TrainingEvent[]) =>
      last(all, 'latest').tensors.get('generator.enc1.conv0.weight')!.values
    expect(weight(first)).not.toEqual(weight(other))
  })

  it('learns', async () => {
    const rate = { lr: 2e-2, milestones: [], gamma: 0.1 }
    const config = tinyTraining(
      { method: 'baseline', epochs: 1, iterationsPerEpoch: 40 },
      { optim: { ...tinyTraining().optim, segmenter: rate } },
    )
    const alike = (id: string, site: string) => ball(id, site, [0.2, 0.5, 0.9])
    const data = { training: [alike('a', 'a'), alike('b', 'b')], validation: [] }
    const losses = ofKind(await events(config, {}, data), 'step').map(({ values }) => values['loss.seg']!)
    const mean = (from: number, to: number) =>
      losses.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from)
    expect(mean(30, 40)).toBeLessThan(0.75 * mean(0, 5))
  })

  it('warms up: G learns the identity, D waits', async () => {
    const steps = ofKind(await events(tinyTraining({ epochs: 1, iterationsPerEpoch: 2, warmup: 1 })), 'step')
    expect(steps[0]!.values['loss.identity']).toBeGreaterThan(0)
    expect(steps[0]!.values['loss.dis']).toBeUndefined()
    expect(steps[1]!.values['loss.identity']).toBeUndefined()
    expect(steps[1]!.values['loss.dis']).toBeGreaterThan(0)
  })

  it('trains a segmenter alone, and nothing that is not asked for', async () => {
    const all = await events(tinyTraining({ method: 'baseline', epochs: 1, iterationsPerEpoch: 1 }))
    expect(all[0]).toMatchObject({ networks: ['segmenter'] })
    expect([...last(all, 'latest').tensors.keys()].filter((name) => !/segmenter\./.test(name))).toEqual([])
    const lambda0 = { ...tinyTraining({ epochs: 1, iterationsPerEpoch: 1 }) }
    const without = await events({ ...lambda0, loss: { ...lambda0.loss, lambda: 0 } })
    expect(without[0]).toMatchObject({ networks: ['generator', 'segmenter'] })
  })

  it('splits a batch when it is told to', async () => {
    const all = await events(tinyTraining({ microBatch: 2, epochs: 1, iterationsPerEpoch: 2 }))
    expect(all[0]).toMatchObject({ batch: 4, microBatch: 2 })
    expect(ofKind(all, 'step')).toHaveLength(2)
    await expect(events(tinyTraining({ microBatch: 3 }))).rejects.toThrow('use auto or one of 4, 2, 1')
  })

  it('submits every step once and has two iterations in flight, each uploaded while the device works', async () => {
    const { queue } = runtime.device
    const submitted = vi.spyOn(queue, 'submit')
    const ahead: number[] = []
    const config = tinyTraining({ epochs: 1, iterationsPerEpoch: 5 })
    let told = 0
    // Three submissions an iteration: two steps of D, one of G and S.
    for await (const { kind } of train(runtime, config, twoSites())) {
      if (kind === 'ready') submitted.mockClear()
      if (kind === 'step') ahead.push(submitted.mock.calls.length / 3 - told++)
    }
    submitted.mockRestore()
    expect(ahead).toEqual([2, 2, 2, 2, 1])
  })

  it('knows before it starts what it will need on the device', async () => {
    let most = 0
    let now = runtime.allocatedBytes
    const others = now
    Object.defineProperty(runtime, 'allocatedBytes', {
      configurable: true,
      get: () => now,
      set: (bytes: number) => {
        now = bytes
        most = Math.max(most, bytes)
      },
    })
    const [plan] = ofKind(await events(tinyTraining({ microBatch: 2 })), 'ready')
    Object.defineProperty(runtime, 'allocatedBytes', { value: now, writable: true })
    const { peak, largestBinding, bindingLimit, ...parts } = plan!.memory
    expect(Object.values(parts).reduce((a, b) => a + b)).toBe(peak)
    expect(parts.moments).toBe(2 * parts.gradients)
    expect(parts.other).toBeGreaterThanOrEqual(others)
    // Results on their way back: of two validation batches, two patches of 8³ each, and some losses.
    expect(most).toBeGreaterThanOrEqual(peak)
    expect(most - peak).toBeLessThan(2 * 2 * 8 ** 3 * 4 + 2048)
    expect(largestBinding).toBeLessThan(bindingLimit)
    const [whole] = ofKind(await events(tinyTraining({ epochs: 1, iterationsPerEpoch: 1 })), 'ready')
    expect(plan!.work.flops).toBeCloseTo(whole!.work.flops, -3)
    expect(plan!.work.dispatches).toBeGreaterThan(1.5 * whole!.work.dispatches)
  })

  it('frees what it allocated', async () => {
    const before = runtime.allocatedBytes
    await events(tinyTraining({ epochs: 1, iterationsPerEpoch: 1 }))
    expect(runtime.allocatedBytes).toBe(before)
  })
})

describe('train against what betrays the site', () => {
  const config = tinyTraining(
    { epochs: 1, iterationsPerEpoch: 5 },
    { loss: { ...tinyTraining().loss, adversarial: 'confusion' } },
  )
  let whole: TrainingEvent[]
  beforeAll(async () => {
    whole = await events(config)
  })

  it('gives D a class for what is generated from each site, and says so in the model', () => {
    const model = readModel(writeSafetensors(last(whole, 'best')))
    expect(model.config.discriminator).toEqual({ base: 2, dropout: 0.25, generatedSites: true })
    expect(model.tensors.get('discriminator.fc.bias')!.shape).toEqual([4])
    const paper = modelOfTraining(tinyTraining(), twoSites().training)
    expect(paper.discriminator).toEqual({ base: 2, dropout: 0.25 })
  })

  it('counts a judgement as other trainings do', () => {
    const steps = ofKind(whole, 'step').map(({ values }) => values)
    expect(steps).toHaveLength(5)
    for (const values of steps) {
      expect(values['loss.adv']).toBeGreaterThan(0)
      expect(values['dis.accuracy']).toBeGreaterThanOrEqual(0)
      expect(values['dis.accuracy']).toBeLessThanOrEqual(1)
    }
    const { values } = ofKind(whole, 'validation')[0]!
    const names = ['a', 'b', 'generated']
    const cells = names.flatMap((actual) => names.map((taken) => values[`dis.confusion.${actual}.${taken}`]!))
    expect(cells.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
    expect(values['dis.accuracy']).toBeCloseTo(cells[0]! + cells[4]! + cells[8]!, 12)
    expect(cells[6]! + cells[7]! + cells[8]!).toBeCloseTo(0.5, 12)
  })

  it.each(['others', 'confusion'] as const)('and %s refuse a single site', async (adversarial) => {
    const alone = { training: [ball('a1', 'a', [0.2, 0.5, 0.9])], validation: [] }
    const one = { ...config, loss: { ...config.loss, adversarial } }
    await expect(events(one, {}, alone)).rejects.toThrow(`"${adversarial}" needs two sites or more`)
  })
})

describe('train refuses', () => {
  it('subjects that do not fit', async () => {
    const { label: _label, ...unlabelled } = ball('a1', 'a', [1, 1, 1])
    const data = { training: [unlabelled], validation: [] }
    await expect(events(tinyTraining(), {}, data)).rejects.toThrow('a1 of site a has no label')
    const two = tinyTraining({}, { data: { ...tinyTraining().data, modalities: ['T1w', 'T2w'] } })
    await expect(events(two)).rejects.toThrow('has 1 images instead of 2')
    await expect(events(tinyTraining(), {}, { training: [], validation: [] })).rejects.toThrow('no subjects')
  })

  it('a standard scale that was not learnt', async () => {
    const config = tinyTraining()
    const learnt = events({ ...config, data: { ...config.data, scaling: 'nyul' } })
    await expect(learnt).rejects.toThrow('data.scaling nyul needs the landmarks of each modality')
  })

  it('patches that do not fit', async () => {
    const config = tinyTraining()
    await expect(events({ ...config, data: { ...config.data, patch: 12 } })).rejects.toThrow('multiple of 8')
  })
})

// With the runtime of this file, for they need the same kernels, and compiling those takes longer than the trainings.
testResuming(() => runtime)
testDiverging(() => runtime)
