import {
  arenaToTensors,
  type BoundParameter,
  bind,
  initialArena,
  type Network,
  type StoredTensor,
  tensorsToArena,
} from '@voxnorm/autograd'
import { type Arena, type Runtime, relu, sigmoid, softmax, type Tensor } from '@voxnorm/tensor'
import type { Method, ModelConfig } from './config.ts'
import { type Discriminator, discriminator, runDiscriminator } from './discriminator.ts'
import {
  type Mode,
  type NormMoments,
  runUNet3d,
  type Storage,
  type UNet3d,
  type UNetPass,
  uNet3d,
} from './unet3d.ts'

/** The networks of one model. All have a segmenter; which others there are depends on the method. */
export interface Networks {
  readonly generator?: Network<UNet3d>
  readonly segmenter: Network<UNet3d>
  readonly discriminator?: Network<Discriminator>
}

/** Names of the networks; tensors in files begin with them. */
export const NETWORK_NAMES = ['generator', 'segmenter', 'discriminator'] as const
export type NetworkName = (typeof NETWORK_NAMES)[number]

/** The networks that a method trains. With λ = 0 nothing would listen to a discriminator, so there is none. */
export function networksOfMethod(method: Method, lambda: number): NetworkName[] {
  if (method === 'standardization' || method === 'baseline') return ['segmenter']
  if (method === 'preprocessor' || lambda === 0) return ['generator', 'segmenter']
  return ['generator', 'segmenter', 'discriminator']
}

/** The modules of a model's networks, bound to arenas that have no memory yet. */
export function makeNetworks(config: ModelConfig, names: readonly NetworkName[]): Networks {
  const channels = config.modalities.length
  const { base, patch, sites } = config
  const classes = sites.length + (config.discriminator.generatedSites ? sites.length : 1)
  return {
    ...(names.includes('generator') && { generator: bind('generator', uNet3d(base, channels, channels)) }),
    segmenter: bind('segmenter', uNet3d(base, channels, config.classes.length)),
    ...(names.includes('discriminator') && {
      discriminator: bind(
        'discriminator',
        discriminator({ ...config.discriminator, patch, inputs: channels, classes }),
      ),
    }),
  }
}

/** The networks that there are, in the order of `NETWORK_NAMES`. */
export const listNetworks = (networks: Networks): Network<object>[] =>
  NETWORK_NAMES.flatMap((name) => networks[name] ?? [])

/** Gives the networks memory on a device. */
export async function allocateNetworks(runtime: Runtime, networks: Networks): Promise<void> {
  for (const { parameterArena, statisticsArena } of listNetworks(networks)) {
    await parameterArena.allocate(runtime)
    await statisticsArena.allocate(runtime)
  }
}

/** Frees the networks' memory. */
export function disposeNetworks(networks: Networks): void {
  for (const [arena] of arenasOf(networks)) arena.dispose()
}

/** Writes the first weights, a function of the seed and of the parameters' names. */
export function initializeNetworks(networks: Networks, seed: number): void {
  for (const [arena, parameters] of arenasOf(networks)) {
    arena.writeAll(initialArena(arena, parameters, seed))
  }
}

/**
 * Writes weights and running statistics from a file's tensors; other tensors are left alone. Throws SafetensorsError
 * for one that is missing or has another shape.
 */
export function loadNetworks(networks: Networks, tensors: ReadonlyMap<string, StoredTensor>): void {
  // All arenas are put together before the first is written: a bad file changes nothing.
  const contents = arenasOf(networks).map(
    ([arena, parameters]) => [arena, tensorsToArena(tensors, arena, parameters)] as const,
  )
  for (const [arena, words] of contents) arena.writeAll(words)
}

/** Weights and running statistics as a file holds them. */
export async function readNetworks(networks: Networks): Promise<Map<string, StoredTensor>> {
  const tensors = new Map<string, StoredTensor>()
  for (const [arena, parameters] of arenasOf(networks)) {
    for (const [name, tensor] of arenaToTensors(await arena.readAll(), parameters)) tensors.set(name, tensor)
  }
  return tensors
}

const arenasOf = (networks: Networks): (readonly [Arena, readonly BoundParameter[]])[] =>
  listNetworks(networks).flatMap(({ parameterArena, trained, statisticsArena, statistics }) => [
    [parameterArena, trained] as const,
    [statisticsArena, statistics] as const,
  ])

/** G on a batch `x [N,D,H,W,C]`: its pass, and the normalized image behind the last activation. */
export function generate(
  networks: Networks,
  config: ModelConfig & Storage,
  x: Tensor,
  mode: Mode,
): UNetPass & { readonly image: Tensor } {
  const pass = runUNet3d(networks.generator!.weights, x, { ...config, mode })
  const last = { sigmoid, relu, none: (y: Tensor) => y }[config.generatorOutput]
  return { ...pass, image: last(pass.output) }
}

/** S on a batch: its pass, and the probabilities of the classes `[N,D,H,W,4]`. */
export function segment(
  networks: Networks,
  config: ModelConfig & Storage,
  x: Tensor,
  mode: Mode,
): UNetPass & { readonly probabilities: Tensor } {
  const pass = runUNet3d(networks.segmenter.weights, x, { ...config, mode })
  return { ...pass, probabilities: softmax(pass.output) }
}

/** D on a batch of patches; `pass` tells the passes of one step apart, so that each has a dropout of its own. */
export function discriminate(
  networks: Networks,
  config: ModelConfig & Storage,
  x: Tensor,
  options: { readonly mode: Mode; readonly seed?: Tensor; readonly pass?: number },
): { readonly logits: Tensor; readonly norms: readonly NormMoments[] } {
  const padding = config.discriminator.padding ?? config.padding
  return runDiscriminator(networks.discriminator!.weights, x, {
    ...config.discriminator,
    activations: config.activations,
    padding,
    ...options,
  })
}
