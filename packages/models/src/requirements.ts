import type { Arena, Runtime } from '@voxnorm/tensor'
import type { ModelConfig, TrainingConfig } from './config.ts'
import { listNetworks, type NetworkName } from './networks.ts'
import type { Trainer } from './trainer.ts'

/** What a training will need, known before its first step. */
export interface TrainingRequirements {
  readonly model: ModelConfig
  readonly networks: readonly NetworkName[]
  readonly batch: number
  /** Patches at once; batch norm takes its statistics over these. */
  readonly microBatch: number
  readonly iterationsPerEpoch: number
  /** Of one iteration after the warm-up. */
  readonly work: { readonly dispatches: number; readonly flops: number }
  readonly memory: MemoryRequirements
}

/** Bytes on the device. Plans allocate before they run, so this is all that a training ever has there. */
export interface MemoryRequirements {
  /** The most at any moment: all that follows. Results on their way back are left out: losses, patches of a validation. */
  readonly peak: number
  /** With running statistics. */
  readonly weights: number
  readonly gradients: number
  /** What the optimizers remember. */
  readonly moments: number
  /** Intermediate results of all steps and of the validation, which share their memory. */
  readonly intermediate: number
  /** A checkpoint reads one buffer at a time, through a copy of it. */
  readonly checkpoint: number
  /** Batches, scalars, constants, and what else there is in this runtime. */
  readonly other: number
  /** The largest piece of memory that a dispatch of a step sees, and what the device allows for one. */
  readonly largestBinding: number
  readonly bindingLimit: number
}

/** Sums up a training that is ready to begin: everything that it will ever need is allocated. */
export function requirementsOf(
  runtime: Runtime,
  trainer: Trainer,
  {
    model,
    config,
    iterationsPerEpoch,
  }: {
    readonly model: ModelConfig
    readonly config: TrainingConfig
    readonly iterationsPerEpoch: number
  },
): TrainingRequirements {
  const { microBatch, plans } = trainer
  const { batch, discriminatorSteps } = config.train
  const times: Readonly<Record<string, number>> = { discriminator: discriminatorSteps, system: 1 }
  const work = (amount: 'dispatches' | 'flops') =>
    plans.reduce((sum, { name, summary }) => sum + summary[amount] * (times[name] ?? 0), 0)
  return {
    model,
    networks: Object.keys(trainer.optimizers) as NetworkName[],
    batch,
    microBatch,
    iterationsPerEpoch,
    work: { dispatches: work('dispatches'), flops: work('flops') },
    memory: memoryOf(runtime, trainer),
  }
}

function memoryOf(runtime: Runtime, { networks, optimizers, pool, plans }: Trainer): MemoryRequirements {
  const moving = Object.values(optimizers)
  const stored = listNetworks(networks).flatMap(({ parameterArena, statisticsArena }) => [
    parameterArena,
    statisticsArena,
  ])
  const remembered = moving.flatMap(({ state }) => Object.values(state))
  const weights = bytesOf(stored)
  const gradients = bytesOf(moving.map((optimizer) => optimizer.gradients))
  const moments = bytesOf(remembered)
  const intermediate = pool.bytes
  const checkpoint = Math.max(...[...stored, ...remembered].map((arena) => bytesOf([arena])))
  return {
    peak: runtime.allocatedBytes + checkpoint,
    weights,
    gradients,
    moments,
    intermediate,
    checkpoint,
    other: runtime.allocatedBytes - weights - gradients - moments - intermediate,
    largestBinding: Math.max(...plans.map(({ summary }) => summary.largestBinding)),
    bindingLimit: runtime.capabilities.limits.maxStorageBufferBindingSize,
  }
}

const bytesOf = (arenas: readonly Arena[]): number => arenas.reduce((sum, { buffer }) => sum + buffer.size, 0)
