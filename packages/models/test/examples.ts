import { arenaToTensors, initialArena } from '@voxnorm/autograd'
import {
  listNetworks,
  type ModelConfig,
  makeNetworks,
  type NetworkName,
  type StoredModel,
} from '@voxnorm/models'

/** The model of the paper with two sites, changed where a test says so. */
export const paperModel = (changes: Partial<ModelConfig> = {}): ModelConfig => ({
  modalities: ['T1w'],
  sites: ['a', 'b'],
  classes: ['BG', 'CSF', 'GM', 'WM'],
  base: 32,
  padding: 'replicate',
  activation: 'relu',
  generatorOutput: 'sigmoid',
  scaling: 'max',
  patch: 32,
  voxelSize: 1,
  discriminator: { base: 16, dropout: 0.25 },
  ...changes,
})

/** A tiny model with the weights that a training would begin with. */
export function randomModel(
  names: readonly NetworkName[] = ['generator', 'segmenter', 'discriminator'],
  changes: Partial<ModelConfig> = {},
): StoredModel {
  const config = paperModel({ base: 2, patch: 16, discriminator: { base: 2, dropout: 0.25 }, ...changes })
  const tensors = listNetworks(makeNetworks(config, names)).flatMap((network) => [
    ...arenaToTensors(initialArena(network.parameterArena, network.trained, 3), network.trained),
    ...arenaToTensors(initialArena(network.statisticsArena, network.statistics, 3), network.statistics),
  ])
  return { config, names, tensors: new Map(tensors) }
}
