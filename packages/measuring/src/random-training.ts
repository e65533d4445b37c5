import { randomStream, type Triple } from '@voxnorm/data'
import {
  allocateNetworks,
  cellsFor,
  createTrainer,
  disposeNetworks,
  featureCount,
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
  type ViewGeometry,
  viewGeometry,
} from '@voxnorm/models'
import type { Config } from '@voxnorm/pipeline/training'
import { elements, type Runtime } from '@voxnorm/tensor'

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
    views: headView(model),
  })

/** Millimetres of a brain from back to front and so on, in the order z, y, x. */
const BRAIN = [140, 170, 140] as const

/** How a generator that sees volumes sees one of a brain's size; undefined for others. */
export function headView(
  model: ModelConfig,
): { readonly geometry: ViewGeometry; readonly cells: Triple } | undefined {
  const geometry = viewGeometry(model)
  if (geometry === undefined) return undefined
  const [z, y, x] = BRAIN.map((length) => Math.ceil(length / model.voxelSize)) as [number, number, number]
  return { geometry, cells: cellsFor(geometry, [[z, y, x] as unknown as Triple]) }
}

/** Patches of noise with random labels, the sites in turn; a generator that sees volumes sees noise there, too. */
export function randomBatch(model: ModelConfig, batch: number, seed: number): PatchBatch {
  const { uniform: next } = randomStream(seed, 'bench')
  const voxels = batch * model.patch ** 3
  const patches = Float32Array.from({ length: voxels * model.modalities.length }, next)
  const view = headView(model)
  return {
    patches,
    clean: patches,
    labels: Uint32Array.from({ length: voxels }, () => Math.floor(next() * model.classes.length)),
    sites: Uint32Array.from({ length: batch }, (_, index) => index % model.sites.length),
    ...(view && {
      cells: Float32Array.from({ length: batch * elements(view.cells) * featureCount(view.geometry) }, next),
      origins: Float32Array.from({ length: batch * 3 }, () => 4 * next()),
    }),
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
