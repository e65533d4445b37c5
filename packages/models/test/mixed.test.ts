import {
  adam,
  bind,
  fanInUniform,
  initialArena,
  LOSS_SCALE_START,
  linearWeight,
  lossScale,
  readSafetensors,
  writeSafetensors,
} from '@voxnorm/autograd'
import { type TrainingConfig, type TrainingEvent, type TrainOptions, train } from '@voxnorm/models'
import { f32, input, matmul, mean, SlotPool, square, sub } from '@voxnorm/tensor'
import { afterAll, describe, expect, it } from 'vitest'
import { compileStep } from '../src/gradient-step.ts'
import { openTestDevice } from './device.ts'
import { tinyTraining, twoSites } from './subjects.ts'

const { runtime, close } = await openTestDevice()
afterAll(close)
const hasHalves = runtime.capabilities.features.has('shader-f16')

describe('a dynamic loss scale', () => {
  /** Steps of a regression on batches that begin with the given numbers: weights and scale after each. */
  async function fit(begins: readonly number[], parts = 1, start = LOSS_SCALE_START) {
    const network = bind('line', { weight: linearWeight(3, 2, fanInUniform(3)) })
    const scale = lossScale('line', 3)
    const optimizer = adam(network.parameterArena, {}, scale)
    const arenas = [
      network.parameterArena,
      optimizer.gradients,
      ...Object.values(optimizer.state),
      scale.state,
    ]
    for (const arena of arenas) await arena.allocate(runtime)
    network.parameterArena.writeAll(initialArena(network.parameterArena, network.trained, 1))
    scale.state.write(scale.state.variables[0]!, start)
    const loss = mean(
      square(
        sub(matmul(input('x', f32(6 / parts, 3)), network.weights.weight), input('y', f32(6 / parts, 2))),
      ),
    )
    const trained = [{ network, optimizer }]
    const pool = new SlotPool(runtime)
    const definition = { name: 'fit', loss, outputs: { loss }, trained, statistics: [], scale }
    const step = await compileStep(runtime, definition, { parts, pool })
    const after = []
    for (const [index, begin] of begins.entries()) {
      const x = Float32Array.from({ length: 18 }, (_, i) => (i === 0 ? begin : Math.sin(i)))
      const y = Float32Array.from({ length: 12 }, (_, i) => Math.cos(i))
      await step.run({ batch: { x, y }, scalars: {}, rates: optimizer.feeds(0.1, index + 1) })
      const [factor, clean] = await scale.state.readAll()
      after.push({
        weights: [...(await network.parameterArena.readAll()).subarray(0, 6)],
        moment: (await optimizer.state['second']!.readAll())[0]!,
        scale: factor!,
        clean: clean!,
      })
    }
    step.dispose()
    pool.dispose()
    for (const arena of arenas) arena.dispose()
    return after
  }

  it.each([1, 2])('leaves out the step that overflows, and that one alone, in %d parts', async (parts) => {
    // Squares of 1e30 overflow in f32, as smaller numbers do in f16.
    const [first, second, third, fourth] = await fit([1, 1e30, Number.NaN, 1], parts)
    expect(first).toMatchObject({ scale: 4096, clean: 1 })
    expect(second).toEqual({ ...first, scale: 2048, clean: 0 })
    expect(third).toEqual({ ...first, scale: 1024, clean: 0 })
    expect(fourth).toMatchObject({ scale: 1024, clean: 1 })
    expect(fourth!.weights).not.toEqual(first!.weights)
  })

  it('doubles after enough clean steps, and changes no weight by it', async () => {
    const after = await fit([1, 1, 1, 1])
    expect(after.map(({ scale, clean }) => [scale, clean])).toEqual([
      [4096, 1],
      [4096, 2],
      [8192, 0],
      [8192, 1],
    ])
    // A power of two only moves the exponent: Adam sees the very gradients of the loss that was not scaled.
    const weights = await unscaled(4)
    expect(after[3]!.weights).toEqual(weights)
  })

  it('never grows past its largest value', async () => {
    const after = await fit([1, 1, 1], 1, Float32Array.of(2 ** 24, 0, 2 ** -24))
    expect(after.map(({ scale, clean }) => [scale, clean])).toEqual([
      [2 ** 24, 1],
      [2 ** 24, 2],
      [2 ** 24, 0],
    ])
  })

  async function unscaled(steps: number): Promise<number[]> {
    const network = bind('line', { weight: linearWeight(3, 2, fanInUniform(3)) })
    const optimizer = adam(network.parameterArena)
    const arenas = [network.parameterArena, optimizer.gradients, ...Object.values(optimizer.state)]
    for (const arena of arenas) await arena.allocate(runtime)
    network.parameterArena.writeAll(initialArena(network.parameterArena, network.trained, 1))
    const loss = mean(
      square(sub(matmul(input('x', f32(6, 3)), network.weights.weight), input('y', f32(6, 2)))),
    )
    const definition = {
      name: 'plain',
      loss,
      outputs: { loss },
      trained: [{ network, optimizer }],
      statistics: [],
    }
    const pool = new SlotPool(runtime)
    const step = await compileStep(runtime, definition, { parts: 1, pool })
    const x = Float32Array.from({ length: 18 }, (_, i) => (i === 0 ? 1 : Math.sin(i)))
    const y = Float32Array.from({ length: 12 }, (_, i) => Math.cos(i))
    for (let count = 1; count <= steps; count++) {
      await step.run({ batch: { x, y }, scalars: {}, rates: optimizer.feeds(0.1, count) })
    }
    const weights = [...(await network.parameterArena.readAll()).subarray(0, 6)]
    step.dispose()
    pool.dispose()
    for (const arena of arenas) arena.dispose()
    return weights
  }
})

describe.runIf(hasHalves)('training in mixed precision', async () => {
  const losses = ['loss.seg', 'loss.adv', 'loss.dis.real', 'loss.dis.fake']

  const data = { ...twoSites(), validation: [] }

  async function events(config: TrainingConfig, options: TrainOptions = {}) {
    const all: TrainingEvent[] = []
    for await (const event of train(runtime, config, data, options)) all.push(event)
    return all
  }
  const steps = (all: readonly TrainingEvent[]) =>
    all.flatMap((event) => (event.kind === 'step' ? [event.values] : []))
  const checkpoint = (all: readonly TrainingEvent[]) =>
    all.findLast((event) => event.kind === 'checkpoint' && event.which === 'latest') as Extract<
      TrainingEvent,
      { kind: 'checkpoint' }
    >
  const length = { epochs: 1, iterationsPerEpoch: 4 }
  const mixed = tinyTraining({ ...length, precision: 'mixed' })

  it('follows the losses of f32, and goes on from a checkpoint with the same bits', async () => {
    const [plain, whole] = [await events(tinyTraining(length)), await events(mixed)]
    steps(whole).forEach((values, index) => {
      for (const name of losses) {
        // Adam's first steps go by the signs of gradients, and tiny ones differ.
        const difference = Math.abs(values[name]! - steps(plain)[index]![name]!)
        expect(difference, `${name} of step ${index}`).toBeLessThan(index === 0 ? 2e-3 : 5e-2)
      }
    })
    expect(steps(whole)).not.toEqual(steps(plain))

    const stop = new AbortController()
    const interrupted: TrainingEvent[] = []
    for await (const event of train(runtime, mixed, data, { signal: stop.signal })) {
      interrupted.push(event)
      if (event.kind === 'step') stop.abort()
    }
    const resume = readSafetensors(writeSafetensors(checkpoint(interrupted)))
    const { tensors } = checkpoint(await events(mixed, { resume }))
    expect([...tensors.keys()].filter((name) => name.endsWith('lossScale'))).toHaveLength(2)
    // Two steps of D for each step of G and S, all of them clean.
    expect([...tensors.get('optimizer.discriminator.lossScale')!.values]).toEqual([4096, 8, 2 ** -12])
    expect([...tensors.get('optimizer.system.lossScale')!.values]).toEqual([4096, 4, 2 ** -12])
    for (const [name, { values }] of checkpoint(whole).tensors) {
      expect(tensors.get(name)!.values, name).toEqual(values)
    }
  })

  it('is not resumed in another precision', async () => {
    const resume = checkpoint(await events(tinyTraining({ ...length, iterationsPerEpoch: 1 })))
    await expect(
      events({ ...mixed, train: { ...mixed.train, iterationsPerEpoch: 1 } }, { resume }),
    ).rejects.toThrow(/train\.precision was not set and is "mixed"/)
  })
})
