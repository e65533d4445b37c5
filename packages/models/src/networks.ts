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
import type {
  DiscriminatorArchitecture,
  DiscriminatorOptions,
  DiscriminatorPass,
  DiscriminatorShape,
  ImageArchitecture,
  ImageNetworkShape,
  ImagePass,
  ImagePassOptions,
} from './architecture.ts'
import { ARCHITECTURES, type Architectures, chosenArchitectures } from './architectures.ts'
import type { Method, ModelConfig } from './config.ts'
import type { Mode, Storage } from './layers.ts'
import type { VolumeView } from './volume-view.ts'

/** A generator or a segmenter: parameters that are bound to memory, and what they do. */
export interface ImageNetwork extends Network<object> {
  readonly run: (x: Tensor, options: ImagePassOptions) => ImagePass
}

/** A discriminator likewise. */
export interface DiscriminatorNetwork extends Network<object> {
  readonly seesTissues: boolean
  readonly run: (x: Tensor, options: DiscriminatorOptions) => DiscriminatorPass
}

/** The networks of one model. All have a segmenter; which others there are depends on the method. */
export interface Networks {
  readonly generator?: ImageNetwork
  readonly segmenter: ImageNetwork
  readonly discriminator?: DiscriminatorNetwork
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

/**
 * The networks of a model, bound to arenas that have no memory yet. Throws ConfigError for an architecture that `from`
 * does not have.
 */
export function makeNetworks(
  config: ModelConfig,
  names: readonly NetworkName[],
  from: Architectures = ARCHITECTURES,
): Networks {
  const chosen = chosenArchitectures(config, from)
  const inputs = config.modalities.length
  const { base, patch, sites } = config
  const classes = sites.length + (config.discriminator.generatedSites ? sites.length : 1)
  const { knots } = config.generator ?? {}
  const generator = { base, inputs, outputs: inputs, ...(knots !== undefined && { knots }) }
  const segmenter = { base, inputs, outputs: config.classes.length }
  const discriminator = { ...config.discriminator, patch, inputs, classes }
  return {
    ...(names.includes('generator') && {
      generator: imageNetwork('generator', chosen.generator, generator),
    }),
    segmenter: imageNetwork('segmenter', chosen.segmenter, segmenter),
    ...(names.includes('discriminator') && {
      discriminator: discriminatorNetwork(chosen.discriminator, discriminator),
    }),
  }
}

function imageNetwork(
  name: NetworkName,
  architecture: ImageArchitecture,
  shape: ImageNetworkShape,
): ImageNetwork {
  const network = bind(name, architecture.parameters(shape))
  return { ...network, run: (x, options) => architecture.run(network.weights, x, options) }
}

function discriminatorNetwork(
  architecture: DiscriminatorArchitecture,
  shape: DiscriminatorShape,
): DiscriminatorNetwork {
  const network = bind('discriminator', architecture.parameters(shape))
  return {
    ...network,
    seesTissues: architecture.seesTissues === true,
    run: (x, options) => architecture.run(network.weights, x, options),
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

/** G on a batch `x [N,D,H,W,C]`, with the view of its volumes if it wants one: its pass, and the normalized image. */
export function generate(
  networks: Networks,
  config: ModelConfig & Storage,
  x: Tensor,
  mode: Mode,
  view?: VolumeView,
): ImagePass & { readonly image: Tensor } {
  const pass = networks.generator!.run(x, { ...config, mode, ...(view && { view }) })
  const last = { sigmoid, relu, none: (y: Tensor) => y }[config.generatorOutput]
  return { ...pass, image: last(pass.output) }
}

/** S on a batch: its pass, and the probabilities of the classes `[N,D,H,W,4]`. */
export function segment(
  networks: Networks,
  config: ModelConfig & Storage,
  x: Tensor,
  mode: Mode,
): ImagePass & { readonly probabilities: Tensor } {
  const pass = networks.segmenter.run(x, { ...config, mode })
  return { ...pass, probabilities: softmax(pass.output) }
}

/** D on a batch of patches, with their labels if it sees tissues; `pass` tells the passes of one step apart, so that each has a dropout of its own. */
export function discriminate(
  networks: Networks,
  config: ModelConfig & Storage,
  x: Tensor,
  options: Pick<DiscriminatorOptions, 'mode' | 'seed' | 'pass' | 'labels'>,
): DiscriminatorPass {
  const padding = config.discriminator.padding ?? config.padding
  return networks.discriminator!.run(x, {
    ...config.discriminator,
    activations: config.activations,
    padding,
    ...options,
  })
}
