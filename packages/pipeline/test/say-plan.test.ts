import type { TrainingReady } from '@voxnorm/models'
import { expect, it } from 'vitest'
import { PRESETS } from '../src/config/presets.ts'
import { sayPlan } from '../src/training/say-plan.ts'

const MIB = 2 ** 20
const memory = {
  peak: 812 * MIB,
  weights: 20 * MIB,
  gradients: 19.5 * MIB,
  moments: 39 * MIB,
  intermediate: 700.25 * MIB,
  checkpoint: 20 * MIB,
  other: 13.25 * MIB,
  largestBinding: 64 * MIB,
  bindingLimit: 128 * MIB,
}
const plan = {
  kind: 'ready',
  networks: ['generator', 'segmenter'],
  batch: 72,
  microBatch: 8,
  iterationsPerEpoch: 1111,
  work: { dispatches: 4321, flops: 30.125e12 },
  memory,
  resumedAt: undefined,
} as unknown as TrainingReady

function said(event: TrainingReady, train = PRESETS.paper.train) {
  const lines: string[] = []
  sayPlan(event, { train }, { info: (name, message) => lines.push(`${name} | ${message}`) })
  return lines
}

it('says what a training does and needs before it starts', () => {
  expect(said(plan)).toEqual([
    'plan | generator, segmenter: 120 epochs of 1111 iterations',
    'work | batches of 72 in 9 pieces of 8: batch norm sees 8 patches, an iteration is 4321 dispatches and 30125 GFLOP',
    'memory | 812 MiB on the device: weights 20.0, gradients 19.5, moments 39.0, intermediate results 700, checkpoints 20.0, the rest 13.3, largest binding 64.0 of 128 possible',
  ])
})

it('says what is not as usual: one piece, small work, mixed precision, an end, a beginning', () => {
  const small = { ...plan, microBatch: 72, work: { dispatches: 5, flops: 1.25e7 } }
  const train = { ...PRESETS.paper.train, precision: 'mixed', timeLimit: '10m' } as const
  const lines = said({ ...small, resumedAt: { epoch: 2, iteration: 30, done: 2252 } }, train)
  expect(lines[0]).toBe(
    'plan | generator, segmenter: 120 epochs of 1111 iterations, mixed precision, at most 10m, resumed at epoch 2 iteration 30',
  )
  expect(lines[1]).toBe(
    'work | batches of 72 in one piece: batch norm sees 72 patches, an iteration is 5 dispatches and 0.0125 GFLOP',
  )
})
