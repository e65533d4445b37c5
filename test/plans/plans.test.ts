import {
  allocateNetworks,
  createTrainer,
  generate,
  makeNetworks,
  modelOfTraining,
  segment,
} from '@voxnorm/models'
import { openDevice } from '@voxnorm/node'
import type { OpenDevice } from '@voxnorm/pipeline'
import { PRESETS } from '@voxnorm/pipeline/training'
import { compile, f32, input, type PlanSummary } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** The networks of the paper for one modality and two sites. */
const paper = modelOfTraining(PRESETS.paper, [{ site: 'iseg' }, { site: 'mrbrains' }])

/**
 * What a U-Net that keeps every output of a layer for its gradients stores, and a quarter for passing results, in MiB:
 * 106.8 less the joined tensors that the decoder does without (4·(32³·192 + 16³·384 + 8³·768) bytes), but with the two
 * parts of the weights that see them (4·27·(768·256 + 384·128 + 192·64) bytes).
 */
const KEPT = 1.25 * (106.8 - 31.5 + 26.6)

const MIB = 2 ** 20
/** WebGPU's default limit on one binding; no device offers less. */
const SMALLEST_BINDING_LIMIT = 128 * MIB

// Counted by hand from the layers' sizes (two operations per multiply-add, convolutions and the linear layer only):
// one patch forward through G, S and D with every convolution at full resolution, in GFLOP, and the part of a U-Net's
// that convolves upsampled channels: 2·27·(32³·128·64 + 16³·256·128 + 8³·512·256).
const [G, S, D] = [59.175, 59.188, 0.0283]
const UPSAMPLED = 25.3672
// From low resolution an output takes 8 products in the place of 27. A gradient takes 27 for each low-resolution voxel
// in the place of 27 for each of its 8 outputs.
const FORWARD = G + S - 2 * UPSAMPLED * (1 - 8 / 27)
const GRADIENT = G + S - 2 * UPSAMPLED * (1 - 1 / 8)
// The first layer of G needs no gradient of its input, nor does that of D for real patches.
const FIRST_OF_G = 0.0566
const FIRST_OF_D = 0.0035

describe('plans of the paper model, per patch', () => {
  let device: OpenDevice
  beforeAll(async () => {
    device = await openDevice('software')
  })
  afterAll(() => device?.close())

  const expectBudget = (
    summary: PlanSummary,
    budget: { readonly gigaflops: number; readonly mebibytes: number; readonly dispatches: number },
  ) => {
    expect(Math.abs(summary.flops / 1e9 / budget.gigaflops - 1)).toBeLessThan(2e-5)
    expect(summary.slotBytes / MIB).toBeLessThanOrEqual(budget.mebibytes)
    expect(summary.dispatches).toBeLessThanOrEqual(budget.dispatches)
    expect(summary.largestBinding).toBeLessThanOrEqual(SMALLEST_BINDING_LIMIT)
  }

  it('a step of training does the work of Algorithm 1 and no more', async () => {
    const networks = makeNetworks(paper, ['generator', 'segmenter', 'discriminator'])
    await allocateNetworks(device.runtime, networks)
    const trainer = await createTrainer(device.runtime, {
      networks,
      config: paper,
      loss: PRESETS.paper.loss,
      batch: 1,
      microBatch: 1,
      augmented: false,
      warmup: false,
      weightDecay: PRESETS.paper.optim.weightDecay,
    })
    const plans = new Map(trainer.plans.map(({ name, summary }) => [name, summary]))
    expect([...plans.keys()]).toEqual(['system', 'discriminator'])
    expectBudget(plans.get('system')!, {
      gigaflops: FORWARD + 2 * GRADIENT - FIRST_OF_G + 2 * D,
      mebibytes: 2 * KEPT,
      dispatches: 700,
    })
    expectBudget(plans.get('discriminator')!, {
      gigaflops: G - UPSAMPLED * (1 - 8 / 27) + 6 * D - 2 * FIRST_OF_D,
      mebibytes: KEPT / 2,
      dispatches: 250,
    })
    trainer.dispose()
  })

  it('a window of inference is one forward pass of G and S', async () => {
    const networks = makeNetworks(paper, ['generator', 'segmenter'])
    await allocateNetworks(device.runtime, networks)
    const { image } = generate(networks, paper, input('patches', f32(1, 32, 32, 32, 1)), 'evaluation')
    const { probabilities } = segment(networks, paper, image, 'evaluation')
    const plan = await compile(device.runtime, { name: 'window', outputs: { image, probabilities } })
    expectBudget(plan.summary, { gigaflops: FORWARD, mebibytes: KEPT / 2, dispatches: 160 })
    plan.dispose()
  })
})
