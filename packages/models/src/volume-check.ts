import { ConfigError, DataError, type PreparedSubject } from '@voxnorm/data'
import type { SideRule } from './architecture.ts'
import { assertSide } from './architectures.ts'
import type { ModelConfig } from './config.ts'
import type { Windows } from './inference.ts'

/** Throws DataError for a volume that has not one image for each modality of a model. */
export function checkChannels(
  { modalities }: ModelConfig,
  { channels }: Pick<PreparedSubject, 'channels'>,
): void {
  if (channels === modalities.length) return
  throw new DataError(`The volume has ${channels} images, the model takes ${modalities.length}.`, {
    fix: `give ${modalities.join(', ')}, in this order`,
  })
}

/** Throws ConfigError for a window or a stride, in voxels, that the networks cannot use. */
export function checkWindows(sides: SideRule, { window, stride }: Windows): void {
  assertSide(sides, window, { name: 'The window' })
  if (!(Number.isInteger(stride) && stride > 0 && stride <= window)) {
    throw new ConfigError(
      `The stride is ${stride}; it must be a whole number from 1 to the window, ${window}.`,
    )
  }
}
