import type { Config } from '../config/schema.ts'
import type { OpenDevice } from '../device.ts'
import type { Log } from '../log.ts'

/** The settings, with f32 in the place of mixed precision on a device that stores no halves; a warning says so. */
export function withPossiblePrecision(
  config: Config,
  { name, runtime }: Pick<OpenDevice, 'name' | 'runtime'>,
  log: Pick<Log, 'warning'>,
): Config {
  const { train } = config
  if (train.precision === 'f32' || runtime.capabilities.features.has('shader-f16')) return config
  log.warning(
    'precision',
    `train.precision is mixed, but ${name} has no half precision (shader-f16): training in f32`,
  )
  return { ...config, train: { ...train, precision: 'f32' } }
}
