import { ConfigError } from '@voxnorm/data'
import type { DiscriminatorArchitecture, ImageArchitecture, SideRule } from './architecture.ts'
import type { DiscriminatorConfig, ImageNetworkConfig } from './config.ts'
import { dcgan3d } from './dcgan3d.ts'
import { unet3d } from './unet3d.ts'

/** The networks that there are, by the names of configs and model files. */
export interface Architectures {
  /** What generator and segmenter can be. */
  readonly image: Readonly<Record<string, ImageArchitecture>>
  readonly discriminator: Readonly<Record<string, DiscriminatorArchitecture>>
}

/** Another network is a file of its own and a row here. */
export const ARCHITECTURES = {
  image: { unet3d },
  discriminator: { dcgan3d },
} as const satisfies Architectures

export type ImageArchitectureName = keyof typeof ARCHITECTURES.image
export type DiscriminatorArchitectureName = keyof typeof ARCHITECTURES.discriminator

/** The part of a config that says which network is which. */
export interface ArchitectureChoice {
  readonly generator?: ImageNetworkConfig
  readonly segmenter?: ImageNetworkConfig
  readonly discriminator: DiscriminatorConfig
}

/** What the networks are where a config says nothing: those of the paper. */
const UNSAID = { image: 'unet3d', discriminator: 'dcgan3d' } as const

/** The networks that were chosen. Throws ConfigError for a name that `from` does not have. */
export function chosenArchitectures(
  { generator, segmenter, discriminator }: ArchitectureChoice,
  from: Architectures = ARCHITECTURES,
) {
  return {
    generator: find('generator', from.image, generator?.architecture ?? UNSAID.image),
    segmenter: find('segmenter', from.image, segmenter?.architecture ?? UNSAID.image),
    discriminator: find(
      'discriminator',
      from.discriminator,
      discriminator.architecture ?? UNSAID.discriminator,
    ),
  }
}

function find<T>(network: string, table: Readonly<Record<string, T>>, name: string): T {
  if (Object.hasOwn(table, name)) return table[name]!
  throw new ConfigError(`There is no architecture "${name}" for the ${network}.`, {
    fix: `use ${Object.keys(table).join(' or ')}`,
  })
}

/**
 * A config that says no more of architectures than it has to, so that model files and checkpoints of the paper's networks
 * are what they were before there was a choice.
 */
export function withoutUsualArchitectures<Config extends ArchitectureChoice>(config: Config): Config {
  const { generator, segmenter, discriminator, ...rest } = config
  const { architecture, ...shape } = discriminator
  const unusual = (network: ImageNetworkConfig | undefined) =>
    network?.architecture !== undefined && network.architecture !== UNSAID.image
  return {
    ...rest,
    ...(unusual(generator) && { generator }),
    ...(unusual(segmenter) && { segmenter }),
    discriminator: {
      ...shape,
      ...(architecture !== undefined && architecture !== UNSAID.discriminator && { architecture }),
    },
  } as unknown as Config
}

/** Sides that the segmenter can take and, where there is one, the generator. */
export function sidesOf(
  config: ArchitectureChoice,
  { generator }: { readonly generator: boolean },
  from: Architectures = ARCHITECTURES,
): SideRule {
  const chosen = chosenArchitectures(config, from)
  const rules = (generator ? [chosen.generator, chosen.segmenter] : [chosen.segmenter]).map(
    ({ sides }) => sides,
  )
  return {
    multipleOf: rules.reduce((multiple, rule) => leastCommonMultiple(multiple, rule.multipleOf), 1),
    because: [...new Set(rules.map(({ because }) => because))].join(', '),
  }
}

function leastCommonMultiple(a: number, b: number): number {
  let multiple = a
  while (multiple % b !== 0) multiple += a
  return multiple
}

/** Throws ConfigError for a side against the rule; `name` is what the user calls it, `file` where it was written. */
export function assertSide(
  { multipleOf, because }: SideRule,
  side: number,
  { name, file }: { readonly name: string; readonly file?: string },
): void {
  if (Number.isInteger(side) && side > 0 && side % multipleOf === 0) return
  throw new ConfigError(`${name} must be a multiple of ${multipleOf} (${because}), not ${side}.`, {
    ...(file !== undefined && { file }),
    fix: `use ${Math.max(multipleOf, Math.round(side / multipleOf) * multipleOf)}`,
  })
}
