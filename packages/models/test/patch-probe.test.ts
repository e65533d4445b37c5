import { tensorsToArena } from '@voxnorm/autograd'
import { extractPatch, patchSampler } from '@voxnorm/data'
import {
  discriminate,
  discriminatorAccuracy,
  discriminatorConfusion,
  generate,
  listNetworks,
  makeNetworks,
  type ProbedPatch,
  probePatches,
  type StoredModel,
} from '@voxnorm/models'
import { execute, f32, input, type Runtime, sliceOf, type Variable } from '@voxnorm/tensor'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { argmax, judgementOf, logProbability } from '../src/discriminator-logits.ts'
import { openTestDevice } from './device.ts'
import { randomModel } from './examples.ts'
import { ball } from './subjects.ts'

let runtime: Runtime
let close: () => void
beforeAll(async () => {
  const device = await openTestDevice()
  runtime = device.runtime
  close = device.close
})
afterAll(() => close?.())

const PATCH = 8
const tiny = (names?: Parameters<typeof randomModel>[0]) => randomModel(names, { patch: PATCH })
/** The last is of a site that the models do not know. */
const subjects = [
  ball('a1', 'a', [0.2, 0.5, 0.9]),
  ball('b1', 'b', [0.9, 0.6, 0.3]),
  ball('c1', 'c', [0.4, 0.5, 0.6]),
]
const options = { patchesPerSubject: 3, seed: 4 }

/** G's image and D's logits for a patch and for the image, in float64. */
function inFloat64({ config, names, tensors }: StoredModel, patch: Float32Array): Float64Array[] {
  const networks = makeNetworks(config, names)
  const variables = new Map<Variable, Float32Array>()
  for (const { parameterArena, trained, statisticsArena, statistics } of listNetworks(networks)) {
    for (const [arena, parameters] of [
      [parameterArena, trained],
      [statisticsArena, statistics],
    ] as const) {
      const words = tensorsToArena(tensors, arena, parameters)
      for (const variable of arena.variables) variables.set(variable, sliceOf(words, variable))
    }
  }
  const x = input('x', f32(1, PATCH, PATCH, PATCH, 1))
  const { image } = generate(networks, config, x, 'evaluation')
  const logits = [x, image].map((judged) => discriminate(networks, config, judged, { mode: 'evaluation' }))
  return execute([image, ...logits.map((pass) => pass.logits)], { inputs: { x: patch }, variables })
}

function softmaxOf(logits: Float64Array): number[] {
  const exponentials = Array.from(logits, Math.exp)
  const sum = exponentials.reduce((a, b) => a + b)
  return exponentials.map((value) => value / sum)
}

function expectNear(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(got.length).toBe(expected.length)
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs(got[i]! - expected[i]!)).toBeLessThan(tolerance)
  }
}

describe('probePatches', () => {
  it('gives the patches of every subject in order, cut out around tissue', async () => {
    const progress: number[][] = []
    const onProgress = (...counts: [number, number]) => progress.push(counts)
    const patches = await probePatches(runtime, tiny(), subjects, { ...options, batch: 4, onProgress })
    const who = ['a1', 'a1', 'a1', 'b1', 'b1', 'b1', 'c1', 'c1', 'c1']
    expect(patches.map(({ subject }) => subject)).toEqual(who)
    expect(patches.map(({ site }) => site)).toEqual(who.map((id) => id[0]))
    expect(progress).toEqual([
      [4, 9],
      [8, 9],
      [9, 9],
    ])
    const centre = PATCH / 2
    for (const { input: image, generated, labels, real, fake } of patches) {
      expect([image.length, generated!.length, labels.length]).toEqual([512, 512, 512])
      expect(labels[centre + PATCH * (centre + PATCH * centre)]).toBeGreaterThan(0)
      for (const judgement of [real!, fake!]) {
        expect(judgement).toHaveLength(3)
        expect(judgement.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
      }
    }
  })

  it('looks at the patches of the sampler, and finds what float64 finds', async () => {
    const model = tiny()
    const [, second] = await probePatches(runtime, model, subjects.slice(1), { ...options, batch: 2 })
    const { corner } = patchSampler([subjects[1]!], { patch: PATCH, seed: options.seed }).draw(0, 1)
    const expected = { image: new Float32Array(PATCH ** 3), labels: new Uint8Array(PATCH ** 3) }
    extractPatch({ subject: subjects[1]!, corner }, PATCH, expected.image, 0, expected.labels, 0)
    expect(second!.input).toEqual(expected.image)
    expect(second!.labels).toEqual(expected.labels)
    const [image, onReal, onFake] = inFloat64(model, expected.image)
    expectNear(second!.generated!, image!, 1e-4)
    expectNear(second!.real!, softmaxOf(onReal!), 1e-4)
    expectNear(second!.fake!, softmaxOf(onFake!), 1e-4)
    expect(Math.max(...second!.real!.map((p, index) => Math.abs(p - second!.fake![index]!)))).toBeGreaterThan(
      1e-4,
    )
  })

  it('is the same again, whatever the batch and the other subjects are, and draws others with another seed', async () => {
    const model = tiny()
    const all = await probePatches(runtime, model, subjects, { ...options, batch: 4 })
    expect(await probePatches(runtime, model, subjects, options)).toEqual(all)
    const alone = await probePatches(runtime, model, subjects.slice(2), { ...options, batch: 1 })
    expect(alone).toEqual(all.slice(6))
    const [other] = await probePatches(runtime, model, subjects, { ...options, seed: 5 })
    expect(other!.input).not.toEqual(all[0]!.input)
  })

  it('does without the networks that a model lacks, on the same patches', async () => {
    const [whole] = await probePatches(runtime, tiny(), subjects, options)
    const [without] = await probePatches(runtime, tiny(['generator', 'segmenter']), subjects, options)
    expect(without).toEqual({ ...whole, real: undefined, fake: undefined })
    const [alone] = await probePatches(runtime, tiny(['segmenter']), subjects, options)
    expect(alone).toEqual({ ...whole, generated: undefined, real: undefined, fake: undefined })
  })

  it('takes the first of several modalities', async () => {
    const [one] = subjects
    const image = Float32Array.from({ length: 2 * one!.image.length }, (_, index) =>
      index % 2 === 0 ? one!.image[index / 2]! : 7,
    )
    const model = randomModel(undefined, { patch: PATCH, modalities: ['T1w', 'T2w'] })
    const [patch] = await probePatches(runtime, model, [{ ...one!, channels: 2, image }], options)
    const [single] = await probePatches(runtime, tiny(), subjects, options)
    expect(patch!.input).toEqual(single!.input)
    expect(patch!.generated).toHaveLength(PATCH ** 3)
  })

  it('frees what it allocated, and gives up with the reason of a signal', async () => {
    const before = runtime.allocatedBytes
    await probePatches(runtime, tiny(), subjects, options)
    const stop = new AbortController()
    const onProgress = () => stop.abort(new Error('enough'))
    const stopped = probePatches(runtime, tiny(), subjects, {
      ...options,
      batch: 1,
      onProgress,
      signal: stop.signal,
    })
    await expect(stopped).rejects.toThrow('enough')
    expect(runtime.allocatedBytes).toBe(before)
  })

  it('refuses subjects that do not fit', async () => {
    const { label: _label, ...unlabelled } = subjects[0]!
    await expect(probePatches(runtime, tiny(), [unlabelled], options)).rejects.toThrow(
      'a1 of site a has no label',
    )
    const two = { ...subjects[0]!, channels: 2 }
    await expect(probePatches(runtime, tiny(), [two], options)).rejects.toThrow('the model takes 1')
  })
})

describe('a judgement', () => {
  const row = fc.array(fc.float({ min: -90, max: 90, noNaN: true }), { minLength: 4, maxLength: 9 })

  it('is the softmax of the logits, with all that is generated added up', () => {
    fc.assert(
      fc.property(row, fc.integer({ min: 1, max: 3 }), (logits, sites) => {
        const softmax = softmaxOf(Float64Array.from(logits))
        const expected = [...softmax.slice(0, sites), softmax.slice(sites).reduce((a, b) => a + b)]
        expectNear(judgementOf(Float32Array.from(logits), sites), expected, 1e-12)
      }),
    )
  })

  it('has logs that stay finite where probabilities vanish', () => {
    expect(logProbability(Float32Array.of(0, 900, -900), 2)).toBe(-1800)
    expect(argmax(Float64Array.of(1, 3, 3))).toBe(1)
  })
})

describe('the confusion of a discriminator', () => {
  const patch = (site: string, real?: number[], fake?: number[]) =>
    ({ site, real: real && Float64Array.from(real), fake: fake && Float64Array.from(fake) }) as ProbedPatch
  const patches = [
    patch('a', [0.8, 0.1, 0.1], [0.1, 0.2, 0.7]),
    patch('a', [0.3, 0.6, 0.1], [0.5, 0.3, 0.2]),
    patch('b', [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]),
    patch('b', [0.1, 0.4, 0.5], [0.3, 0.4, 0.3]),
  ]

  it('has the fractions of all patches, the real and the generated', () => {
    const counts = [
      [1, 1, 0],
      [0, 1, 1],
      [1, 1, 2],
    ]
    expect(discriminatorConfusion(patches, ['a', 'b'])).toEqual(counts.map((row) => row.map((n) => n / 8)))
    expect(discriminatorAccuracy(patches, ['a', 'b'])).toBe(0.5)
  })

  it('leaves out sites that the model does not know, and models without discriminator', () => {
    const more = [...patches, patch('c', [0.8, 0.1, 0.1], [0.8, 0.1, 0.1])]
    expect(discriminatorConfusion(more, ['a', 'b'])).toEqual(discriminatorConfusion(patches, ['a', 'b']))
    expect(discriminatorAccuracy([patch('a')], ['a', 'b'])).toBeNaN()
  })
})
