import { randomStream } from '@voxnorm/data'
import {
  allocateNetworks,
  createTrainer,
  disposeNetworks,
  initializeNetworks,
  type ModelConfig,
  makeNetworks,
  modelOfTraining,
  type NetworkName,
  type Networks,
  networksOfMethod,
  type PatchBatch,
  type StepScalars,
  type Trainer,
} from '@voxnorm/models'
import type { Config } from '@voxnorm/pipeline/training'
import type { Runtime } from '@voxnorm/tensor'

/** Networks with random weights on a device. */
export interface OpenNetworks {
  readonly model: ModelConfig
  readonly names: readonly NetworkName[]
  readonly networks: Networks
  dispose(): void
}

/** The networks that a config's method trains, for two sites: the smallest training that there is. */
export async function openNetworks(runtime: Runtime, config: Config): Promise<OpenNetworks> {
  const model = modelOfTraining(config, [{ site: 'a' }, { site: 'b' }])
  const names = networksOfMethod(config.train.method, config.loss.lambda)
  const networks = makeNetworks(model, names)
  await allocateNetworks(runtime, networks)
  initializeNetworks(networks, config.seed)
  return { model, names, networks, dispose: () => disposeNetworks(networks) }
}

/** A trainer as `train` makes it, without degraded patches and without warm-up. */
export const trainerOf = (
  runtime: Runtime,
  networks: Networks,
  model: ModelConfig,
  { loss, train, optim }: Config,
): Promise<Trainer> =>
  createTrainer(runtime, {
    networks,
    config: model,
    loss,
    batch: train.batch,
    microBatch: train.microBatch,
    precision: train.precision,
    weightDecay: optim.weightDecay,
    augmented: false,
    warmup: false,
  })

/** Patches of noise with random labels, the sites in turn. */
export function randomBatch(model: ModelConfig, batch: number, seed: number): PatchBatch {
  const { uniform: next } = randomStream(seed, 'bench')
  const voxels = batch * model.patch ** 3
  const patches = Float32Array.from({ length: voxels * model.modalities.length }, next)
  return {
    patches,
    clean: patches,
    labels: Uint32Array.from({ length: voxels }, () => Math.floor(next() * model.classes.length)),
    sites: Uint32Array.from({ length: batch }, (_, index) => index % model.sites.length),
  }
}

/** The scalars of an iteration with the config's first rates. */
export const scalarsOf = ({ loss, optim }: Config, step: number): StepScalars => ({
  lambda: loss.lambda,
  seed: step,
  rates: {
    generator: optim.generator.lr,
    segmenter: optim.segmenter.lr,
    discriminator: optim.discriminator.lr,
  },
  steps: { generator: step, segmenter: step, discriminator: step },
})
