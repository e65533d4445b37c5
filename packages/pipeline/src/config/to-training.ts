import { ConfigError } from '@voxnorm/data'
import { assertSameSettings } from '@voxnorm/models'
import { parseDuration } from './duration.ts'
import type { Config } from './schema.ts'

/**
 * The part of a configuration that training depends on, in the form that the models package takes: times in seconds, the
 * precision, the decay of the rates and the ramp of lambda only where they are not the usual, so that checkpoints from before there was a choice can be resumed, without the
 * fold and the way to the brain masks, which the subjects tell, and without how kernels are chosen, which they do not know of.
 */
export function toTraining(config: Config) {
  const { seed, model, augment } = config
  const { ramp, ...loss } = config.loss
  const { generator, segmenter, ...others } = config.optim
  const { fold: _fold, maskFrom: _maskFrom, ...data } = config.data
  const { precision, deterministic: _deterministic, ...train } = config.train
  return {
    seed,
    data,
    model,
    loss: ramp[1] === 0 ? loss : { ...loss, ramp },
    optim: { ...others, generator: withoutUsualDecay(generator), segmenter: withoutUsualDecay(segmenter) },
    train: {
      ...train,
      timeLimit: parseDuration(train.timeLimit)!,
      ...(precision === 'f32' ? {} : { precision }),
    },
    augment,
  }
}

type StepRate = Config['optim']['generator']

const withoutUsualDecay = ({ decay, ...rate }: StepRate) =>
  decay === 'milestones' ? rate : { ...rate, decay }

/**
 * Checks what only the data can tell. Throws ConfigError when the method needs more sites than there are.
 *
 * `sites` are those of the training subjects.
 */
export function assertFitsSites(config: Config, sites: readonly string[]): void {
  if (config.train.method !== 'adversarial' || sites.length >= 2) return
  throw new ConfigError(
    `train.method adversarial needs training subjects of two sites or more, but ${config.data.table} has ${sites.length === 1 ? `only ${sites[0]}` : 'none'}.`,
    { fix: 'add a site, or use train.method: preprocessor, which needs one' },
  )
}

/**
 * Checks that a run can be resumed with a configuration: only how long to train may differ from what the run began with.
 *
 * Throws ConfigError that names the first other key.
 */
export function assertResumable(begun: Config, wanted: Config, folder: string): void {
  assertSameSettings(withAutoLabels(begun, wanted), wanted, folder)
}

/** Before there was `auto`, runs whose configuration said nothing of the labels wrote down `bids` for it. */
function withAutoLabels(begun: Config, { data }: Config): Config {
  const same = begun.data.labels === 'bids' && data.labels === 'auto'
  return same ? { ...begun, data: { ...begun.data, labels: 'auto' } } : begun
}
