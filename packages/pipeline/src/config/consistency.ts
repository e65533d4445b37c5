import { ConfigError, SCALINGS } from '@voxnorm/data'
import { assertSide, networksOfMethod, sidesOf } from '@voxnorm/models'
import type { Config } from './schema.ts'

/**
 * Checks settings that the schema takes one by one but that do not go together. Throws ConfigError for the first;
 * `locate` says where a key was written.
 */
export function assertConsistent(
  { data, model, loss, train, inference }: Config,
  locate: (keys: readonly string[]) => string,
): void {
  const networks = networksOfMethod(train.method, loss.lambda)
  const sides = sidesOf(model, { generator: networks.includes('generator') })
  assertSide(sides, data.patch, { name: 'data.patch', file: locate(['data', 'patch']) })
  if (inference.stride > data.patch) {
    throw new ConfigError(
      `inference.stride ${inference.stride} is larger than data.patch ${data.patch}; windows would leave gaps.`,
      { file: locate(['inference', 'stride']), fix: 'use a stride of at most the patch size' },
    )
  }
  const curves = networks.includes('generator') && model.generator.architecture === 'curves'
  if (curves && model.generatorOutput !== 'none') {
    throw new ConfigError(
      `model.generatorOutput ${model.generatorOutput} would squeeze what model.generator.architecture curves gives.`,
      {
        file: locate(['model', 'generatorOutput']),
        fix: 'use model.generatorOutput: none, as preset: voxnorm does',
      },
    )
  }
  if (networks.includes('generator') && !SCALINGS[data.scaling].unitRange) {
    const reachable = Object.entries(SCALINGS).flatMap(([name, { unitRange }]) => (unitRange ? [name] : []))
    throw new ConfigError(
      `train.method ${train.method} rewrites images whose intensities lie in 0..1, and those of data.scaling ${data.scaling} do not.`,
      {
        file: locate(['data', 'scaling']),
        fix: `use data.scaling: ${reachable.join(' or ')}, or train.method: baseline`,
      },
    )
  }
}
