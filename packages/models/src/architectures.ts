import { ConfigError } from '@voxnorm/data'
import type { DiscriminatorArchitecture, ImageArchitecture, SideRule } from './architecture.ts'
import type { DiscriminatorConfig, GeneratorConfig, ModelConfig, SegmenterConfig } from './config.ts'
import { curves } from './curves.ts'
import { dcgan3d } from './dcgan3d.ts'
import { tissues } from './tissue-discriminator.ts'
import { unet3d } from './unet3d.ts'
import type { ViewGeometry } from './volume-view.ts'

/** The networks that there are, by the names of configs and model files. */
export interface Architectures {
  readonly generator: Readonly<Record<string, ImageArchitecture>>
  readonly segmenter: Readonly<Record<string, ImageArchitecture>>
  readonly discriminator: Readonly<Record<string, DiscriminatorArchitecture>>
}

/** Another network is a file of its own and a row here. */
export const ARCHITECTURES = {
  generator: { unet3d, curves },
  segmenter: { unet3d },
  discriminator: { dcgan3d, tissues },
} as const satisfies Architectures

export type GeneratorArchitectureName = keyof typeof ARCHITECTURES.generator
export type SegmenterArchitectureName = keyof typeof ARCHITECTURES.segmenter
export type DiscriminatorArchitectureName = keyof typeof ARCHITECTURES.discriminator

/** The part of a config that says which network is which. */
export interface ArchitectureChoice {
  readonly generator?: GeneratorConfig
  readonly segmenter?: SegmenterConfig
  readonly discriminator: DiscriminatorConfig
}

/** What the networks are where a config says nothing: those of the paper. */
const UNSAID = { generator: 'unet3d', segmenter: 'unet3d', discriminator: 'dcgan3d' } as const

/** The networks that were chosen. Throws ConfigError for a name that `from` does not have. */
export function chosenArchitectures(
  { generator, segmenter, discriminator }: ArchitectureChoice,
  from: Architectures = ARCHITECTURES,
) {
  const chosen = { generator, segmenter, discriminator }
  const choose = <Name extends keyof Architectures>(name: Name) =>
    find(
      name,
      from[name] as Readonly<Record<string, Architectures[Name][string]>>,
      chosen[name]?.architecture ?? UNSAID[name],
    )
  return {
    generator: choose('generator'),
    segmenter: choose('segmenter'),
    discriminator: choose('discriminator'),
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
  const isUnusual = (name: keyof typeof UNSAID, chosen: string | undefined) =>
    chosen !== undefined && chosen !== UNSAID[name]
  return {
    ...rest,
    ...(isUnusual('generator', generator?.architecture) && { generator }),
    ...(isUnusual('segmenter', segmenter?.architecture) && { segmenter }),
    discriminator: { ...shape, ...(isUnusual('discriminator', architecture) && { architecture }) },
  } as unknown as Config
}

/**
 * How the generator of a model sees volumes; undefined where it sees its input alone. Throws ConfigError for an
 * architecture that `from` does not have.
 */
export function viewGeometry(config: ModelConfig, from?: Architectures): ViewGeometry | undefined {
  if (!chosenArchitectures(config, from).generator.seesVolume) return undefined
  const { cell = 0, knots = 0 } = config.generator ?? {}
  return {
    cell: Math.max(1, Math.round(cell / config.voxelSize)),
    knots,
    channels: config.modalities.length,
  }
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
