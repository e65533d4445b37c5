import { ConfigError, DataError, type PreparedSubject } from '@voxnorm/data'
import type { ModelConfig } from './config.ts'

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

/** Throws DataError for such a volume, ConfigError for a window or stride that the networks cannot use. */
export function checkWindows(
  config: ModelConfig,
  volume: Pick<PreparedSubject, 'channels'>,
  window: number,
  stride: number,
): void {
  checkChannels(config, volume)
  if (!(Number.isInteger(window) && window > 0 && window % 8 === 0)) {
    throw new ConfigError(`The window is ${window}, but the networks halve it three times.`, {
      fix: 'use a multiple of 8',
    })
  }
  if (!(Number.isInteger(stride) && stride > 0 && stride <= window)) {
    throw new ConfigError(
      `The stride is ${stride}; it must be a whole number from 1 to the window, ${window}.`,
    )
  }
}
