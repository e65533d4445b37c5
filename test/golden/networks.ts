import {
  allocateNetworks,
  loadNetworks,
  type ModelConfig,
  makeNetworks,
  type Networks,
  type PatchBatch,
  type StepSetup,
} from '@voxnorm/models'
import type { CaseContext } from './case-runner.ts'
import { type GoldenCase, type GoldenFolder, type TensorReference, toEngine } from './manifest.ts'
import { adversarialKind } from './op-definitions.ts'

/** What golden files say about the three networks. */
interface GoldenConfig {
  readonly in_channels: number
  readonly n_domains: number
  readonly n_classes: number
  readonly base: number
  readonly patch: number
  readonly padding: 'replicate' | 'zero'
  readonly disc_padding: 'replicate' | 'zero'
  readonly disc_base: number
  readonly disc_slope: number
  readonly disc_dropout: number
  readonly g_activation: string
}

/** A case with networks and a pool of patches of which it takes its batches. */
export interface NetworkCase extends GoldenCase {
  readonly config: GoldenConfig
  readonly weights: { readonly files: readonly string[] }
  readonly trainer: {
    readonly lam?: number
    readonly adversarial?: string
    readonly lr_g?: number
    readonly lr_s?: number
    readonly lr_d?: number
    readonly weight_decay?: number
    readonly d_step_bn?: string
  }
  readonly inputs: {
    readonly x: TensorReference
    readonly labels: TensorReference
    readonly domain: TensorReference
  }
}

const numbered = (count: number, word: string) =>
  Array.from({ length: count }, (_, index) => `${word}${index}`)

/** The engine's configuration for a case's. Throws TypeError for what the engine does not have. */
export function modelConfig(config: GoldenConfig): ModelConfig {
  const { g_activation, disc_slope } = config
  if (g_activation !== 'sigmoid' && g_activation !== 'relu' && g_activation !== 'none') {
    throw new TypeError(`unknown g_activation: ${g_activation}`)
  }
  if (disc_slope !== 0.2) throw new TypeError(`disc_slope is ${disc_slope}; only 0.2 is implemented`)
  return {
    modalities: numbered(config.in_channels, 'channel'),
    sites: numbered(config.n_domains, 'site'),
    classes: numbered(config.n_classes, 'class'),
    base: config.base,
    padding: config.padding,
    activation: 'relu',
    generatorOutput: g_activation,
    scaling: 'max',
    patch: config.patch,
    voxelSize: 1,
    discriminator: { base: config.disc_base, dropout: config.disc_dropout, padding: config.disc_padding },
  }
}

/** Loss settings of a case; class weights are the same in all. */
export const lossOf = ({
  trainer: { lam = 1.5, adversarial = 'minimax' },
}: NetworkCase): StepSetup['loss'] => ({
  lambda: lam,
  classWeights: { BG: 0.22, CSF: 0.3, GM: 0.2, WM: 0.28 },
  adversarial: adversarialKind(adversarial),
})

/** A case's networks on the device, with its weights. */
export async function openNetworks(
  item: Pick<NetworkCase, 'config' | 'weights'>,
  { folder, runtime }: CaseContext,
): Promise<{ readonly config: ModelConfig; readonly networks: Networks }> {
  const config = modelConfig(item.config)
  const networks = makeNetworks(config, ['generator', 'segmenter', 'discriminator'])
  await allocateNetworks(runtime, networks)
  loadNetworks(networks, folder.weights(item.weights.files))
  return { config, networks }
}

/** Reads a case's pool of patches; `batch` puts those with the given numbers side by side. */
export function readPool(
  item: NetworkCase,
  folder: GoldenFolder,
): { batch(indices: readonly number[]): Omit<PatchBatch, 'clean'> } {
  const { x, labels, domain } = item.inputs
  const count = x.shape[0]!
  const patches = toEngine('channels', x.shape, Float32Array.from(folder.stored(item, x)))
  const classes = Uint32Array.from(folder.stored(item, labels))
  const sites = Uint32Array.from(folder.stored(item, domain))
  const gather = <A extends Float32Array | Uint32Array>(
    values: A,
    indices: readonly number[],
    into: A,
  ): A => {
    const size = values.length / count
    indices.forEach((index, position) => {
      into.set(values.subarray(index * size, (index + 1) * size), position * size)
    })
    return into
  }
  return {
    batch: (indices) => ({
      patches: gather(patches, indices, new Float32Array((patches.length / count) * indices.length)),
      labels: gather(classes, indices, new Uint32Array((classes.length / count) * indices.length)),
      sites: gather(sites, indices, new Uint32Array(indices.length)),
    }),
  }
}
