import { arenaToTensors, grad, type StoredTensor } from '@voxnorm/autograd'
import {
  allocateNetworks,
  createTrainer,
  discriminatorGraph,
  disposeNetworks,
  followStatistics,
  generate,
  listNetworks,
  loadNetworks,
  makeNetworks,
  readNetworks,
  segment,
  systemGraph,
} from '@voxnorm/models'
import { compile, f32, input, type Runtime, SlotPool, type Tensor } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  expectGolden,
  type GoldenCase,
  goldenCases,
  goldenTensor,
  hasGolden,
} from '../../autograd/test/golden.ts'
import { openTestDevice } from './device.ts'
import { channelsFirst } from './golden-layout.ts'
import { batchOf, lossOf, modelOf, weightsOf } from './golden-model.ts'

const ALL = ['generator', 'segmenter', 'discriminator'] as const

describe.skipIf(!hasGolden)('training against PyTorch (needs ../shared)', () => {
  let runtime: Runtime
  let close: () => void
  beforeAll(async () => {
    const device = await openTestDevice()
    runtime = device.runtime
    close = device.close
  })
  afterAll(() => close?.())

  const casesOf = (op: string) => goldenCases(op).map((item) => [item.id, item] as const)

  it.each(casesOf('model_step'))('one step of all networks: %s', async (_, item) => {
    const config = modelOf(item)
    const networks = makeNetworks(config, ALL)
    await allocateNetworks(runtime, networks)
    const pool = new SlotPool(runtime)
    const batch = item.indices.length
    const setup = { networks, config, loss: lossOf(item), batch, augmented: false }
    const { patches, labels, sites } = batchOf(item, item.indices)
    const system = systemGraph(setup)
    const d = discriminatorGraph(setup)
    const generator = system.generated!
    const tensors: Record<string, Tensor> = {
      d_logits_real: d.realLogits,
      d_logits_fake: d.fakeLogits,
      d_loss_real: d.real,
      d_loss_fake: d.fake,
      xhat: generator.image,
      seg_logits: system.segmented.output,
      probs: system.segmented.probabilities,
      sg_d_logits: system.fakeLogits!,
      seg_loss: system.segmentation,
      adv_loss: system.adversarial!,
      total_loss: system.total,
    }
    for (const [name, tensor] of Object.entries(generator.blocks)) tensors[`block.generator.${name}`] = tensor
    for (const [name, tensor] of Object.entries(system.segmented.blocks))
      tensors[`block.segmenter.${name}`] = tensor
    const x = input('patches', f32(...generator.blocks.enc1.shape.slice(0, 4), config.modalities.length))
    const normalized = generate(networks, config, x, 'evaluation').image
    tensors['eval_xhat'] = normalized
    tensors['eval_probs'] = segment(networks, config, normalized, 'evaluation').probabilities
    const outputs = Object.fromEntries(Object.entries(tensors).filter(([name]) => name in item.outputs))

    const gradients: Record<string, Tensor> = {}
    for (const [loss, names] of [
      [system.total, ['generator', 'segmenter']],
      [d.loss, ['discriminator']],
    ] as const) {
      const targets = listNetworks(networks)
        .filter(({ name }) => names.includes(name as never))
        .flatMap((n) => n.trained)
      grad(
        loss,
        targets.map(({ tensor }) => tensor),
      ).forEach((gradient, index) => {
        gradients[targets[index]!.name] = gradient
      })
    }
    expect(Object.keys(gradients).sort()).toEqual(Object.keys(item.grads).sort())

    loadNetworks(networks, weightsOf(item))
    const all = {
      ...outputs,
      ...Object.fromEntries(Object.entries(gradients).map(([n, t]) => [`grad.${n}`, t])),
    }
    const updates = followStatistics(system.norms)
    const plan = await compile(runtime, { name: item.id, outputs: all, updates }, { pool })
    const feeds = { patches, labels, sites, lambda: item.trainer.lam }
    const names = new Set(['patches', 'labels', 'lambda', 'sites'])
    const results = await plan.run(
      Object.fromEntries(Object.entries(feeds).filter(([n]) => names.has(n))) as never,
    )
    for (const [name, tensor] of Object.entries(outputs)) {
      const values = tensor.shape.length === 5 ? channelsFirst(results[name]!, tensor.shape) : results[name]!
      expectGolden(values, item, item.outputs[name])
    }
    // Gradients go through the files' layouts as the weights do.
    for (const { parameterArena, trained } of listNetworks(networks)) {
      const words = new Float32Array(parameterArena.words)
      for (const { name, variable } of trained) words.set(results[`grad.${name}`]!, variable.offset)
      for (const [name, { values }] of arenaToTensors(words, trained)) {
        expectGolden(values as Float32Array, item, item.grads[name])
      }
    }
    const after = await readNetworks(networks)
    for (const name of Object.keys(item.outputs).filter((key) => key.startsWith('after.'))) {
      expectGolden(after.get(name.slice('after.'.length))!.values as Float32Array, item, item.outputs[name])
    }
    plan.dispose()
    pool.dispose()
    disposeNetworks(networks)
  })

  it.each(casesOf('algorithm1_trace'))('three iterations of Algorithm 1: %s', async (_, item) => {
    const config = modelOf(item)
    const networks = makeNetworks(config, ALL)
    await allocateNetworks(runtime, networks)
    loadNetworks(networks, weightsOf(item))
    const { lr_g, lr_s, lr_d, weight_decay, lam, d_step_bn } = item.trainer
    const trainer = await createTrainer(runtime, {
      networks,
      config,
      loss: lossOf(item),
      batch: item.plan[0].sg_batch.length,
      microBatch: 'auto',
      weightDecay: weight_decay,
      augmented: false,
      warmup: false,
      frozenStatistics: d_step_bn === 'frozen',
    })
    expect(trainer.microBatch).toBe(item.plan[0].sg_batch.length)
    const rates = { generator: lr_g, segmenter: lr_s, discriminator: lr_d }
    const steps = { generator: 0, segmenter: 0, discriminator: 0 }
    const scalars = () => ({ lambda: lam, seed: 0, rates, steps: { ...steps } })
    const near = (got: Float32Array, expected: number | undefined, kind: string, iteration: number) => {
      if (expected !== undefined) {
        expect(Math.abs(got[0]! - expected)).toBeLessThanOrEqual(item.loss_tol[kind][iteration])
      }
    }
    for (const [iteration, { d_batches, sg_batch }] of item.plan.entries()) {
      const expected = item.iterations?.[iteration]
      for (const [index, batch] of d_batches.entries()) {
        steps.discriminator++
        const { real, fake } = await trainer.discriminatorStep(batchOf(item, batch), scalars())
        near(real!, expected?.d_steps[index].d_real, 'd_real', iteration)
        near(fake!, expected?.d_steps[index].d_fake, 'd_fake', iteration)
      }
      steps.generator++
      steps.segmenter++
      const { segmentation, adversarial, total } = await trainer.systemStep(
        batchOf(item, sg_batch),
        scalars(),
      )
      near(segmentation!, expected?.seg, 'seg', iteration)
      near(adversarial!, expected?.adv, 'adv', iteration)
      near(total!, expected?.total, 'total', iteration)
      for (const moment of [item.after_first, item.after_last]) {
        if (moment?.iteration === iteration) expectWeights(await readNetworks(networks), item, moment)
      }
    }
    trainer.dispose()
    disposeNetworks(networks)
  })
})

/** Compares the percentiles of the deviations of a group of tensors with those that the case allows. */
function expectWeights(got: ReadonlyMap<string, StoredTensor>, item: GoldenCase, moment: GoldenCase): void {
  const deviations: Record<string, number[]> = {}
  for (const [name, reference] of Object.entries<GoldenCase>(moment.tensors)) {
    const group = `${name.split('.')[0]}.${name.includes('running_') ? 'running_stats' : 'weights'}`
    const expected = goldenTensor(item, reference).values as Float32Array
    const { offset, stride } = reference.sample ?? { offset: 0, stride: 1 }
    const values = got.get(name)!.values as Float32Array
    deviations[group] ??= []
    for (const [i, value] of expected.entries()) {
      deviations[group]!.push(Math.abs(values[offset + i * stride]! - value))
    }
  }
  for (const [group, tolerances] of Object.entries<Record<string, number>>(moment.tol)) {
    const sorted = deviations[group]!.sort((a, b) => a - b)
    for (const [name, allowed] of Object.entries(tolerances)) {
      const share = name === 'max' ? 1 : Number(name.slice(1)) / 100
      const value = sorted[Math.ceil(share * (sorted.length - 1))]!
      expect(value, `${group} ${name} after iteration ${moment.iteration}`).toBeLessThanOrEqual(allowed)
    }
  }
}
