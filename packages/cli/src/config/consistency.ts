import { ConfigError } from '@voxnorm/data'
import type { Config } from './schema.ts'

/** The methods that train a generator, and the scalings whose range its sigmoid reaches. */
const GENERATOR_METHODS: readonly string[] = ['adversarial', 'preprocessor']
const GENERATOR_SCALINGS: readonly string[] = ['max', 'nyul']

/**
 * Checks settings that the schema takes one by one but that do not go together. Throws ConfigError for the first;
 * `locate` says where a key was written.
 */
export function assertConsistent(
  { data, train, inference }: Config,
  locate: (keys: readonly string[]) => string,
): void {
  if (data.patch % 8 !== 0) {
    throw new ConfigError(
      `data.patch must be a multiple of 8 (three poolings halve it three times), not ${data.patch}.`,
      { file: locate(['data', 'patch']), fix: `use ${Math.max(8, Math.round(data.patch / 8) * 8)}` },
    )
  }
  if (inference.stride > data.patch) {
    throw new ConfigError(
      `inference.stride ${inference.stride} is larger than data.patch ${data.patch}; windows would leave gaps.`,
      { file: locate(['inference', 'stride']), fix: 'use a stride of at most the patch size' },
    )
  }
  if (GENERATOR_METHODS.includes(train.method) && !GENERATOR_SCALINGS.includes(data.scaling)) {
    throw new ConfigError(
      `train.method ${train.method} rewrites images whose intensities lie in 0..1, and those of data.scaling ${data.scaling} do not.`,
      {
        file: locate(['data', 'scaling']),
        fix: `use data.scaling: ${GENERATOR_SCALINGS.join(' or ')}, or train.method: baseline`,
      },
    )
  }
}
