import type { TrainingReady } from '@voxnorm/models'
import type { Config } from '../config/schema.ts'
import type { Log } from '../log.ts'

/** Says what a training is about to do, how much work an iteration is and what it needs on the device. */
export function sayPlan(
  ready: TrainingReady,
  { train }: Pick<Config, 'train'>,
  log: Pick<Log, 'info'>,
): void {
  const { networks, iterationsPerEpoch, batch, microBatch, work, memory, resumedAt } = ready
  const { epochs, timeLimit, precision } = train
  const pieces = batch === microBatch ? 'in one piece' : `in ${batch / microBatch} pieces of ${microBatch}`
  const say = (event: string, parts: readonly string[]) => log.info(event, parts.filter(Boolean).join(', '))
  say('plan', [
    `${networks.join(', ')}: ${epochs} epochs of ${iterationsPerEpoch} iterations`,
    precision === 'mixed' ? 'mixed precision' : '',
    timeLimit === 'none' ? '' : `at most ${timeLimit}`,
    resumedAt ? `resumed at epoch ${resumedAt.epoch} iteration ${resumedAt.iteration}` : '',
  ])
  say('work', [
    `batches of ${batch} ${pieces}: batch norm sees ${microBatch} patches`,
    `an iteration is ${work.dispatches} dispatches and ${threeDigits(work.flops / 1e9)} GFLOP`,
  ])
  say('memory', [
    `${mebibytes(memory.peak)} MiB on the device: weights ${mebibytes(memory.weights)}`,
    `gradients ${mebibytes(memory.gradients)}`,
    `moments ${mebibytes(memory.moments)}`,
    `intermediate results ${mebibytes(memory.intermediate)}`,
    `checkpoints ${mebibytes(memory.checkpoint)}`,
    `the rest ${mebibytes(memory.other)}`,
    `largest binding ${mebibytes(memory.largestBinding)} of ${mebibytes(memory.bindingLimit)} possible`,
  ])
}

const mebibytes = (bytes: number): string => threeDigits(bytes / 2 ** 20)

/** Three digits, and all of those before the point. */
const threeDigits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))
