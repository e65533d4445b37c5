import { arenaToTensors, SafetensorsError, type SafetensorsFile, tensorsToArena } from '@voxnorm/autograd'
import { ConfigError, DataError, type PreparedSubject } from '@voxnorm/data'
import { type ArenaVariable, sliceOf } from '@voxnorm/tensor'
import { ARCHITECTURES, type Architectures, withoutUsualArchitectures } from './architectures.ts'
import type { ModelConfig, TrainingConfig } from './config.ts'
import { modelMetadata, modelOf, OPTIMIZER_PREFIX } from './model-file.ts'
import { loadNetworks, NETWORK_NAMES, readNetworks } from './networks.ts'
import type { TrainingProgress } from './progress.ts'
import type { Trainer } from './trainer.ts'

/** What a resumed training must have in common with the one that it goes on with. */
export interface TrainingIdentity {
  readonly config: TrainingConfig
  /** `site/id` of the training subjects. */
  readonly subjects: readonly string[]
}

/** The identity of a training with these subjects. */
export const identityOf = (
  config: TrainingConfig,
  training: readonly PreparedSubject[],
): TrainingIdentity => ({
  config,
  subjects: training.map(({ site, id }) => `${site}/${id}`),
})

/**
 * The full state of a training: a model file with more in it, enough for a resumption that is equal to the bit. Throws
 * ConfigError when a weight is not finite, so that such a state never takes the place of an earlier one: the loss shows
 * what the last step of a training did to the weights only in a step that does not come.
 */
export async function writeCheckpoint(
  trainer: Trainer,
  model: ModelConfig,
  identity: TrainingIdentity,
  progress: TrainingProgress,
): Promise<SafetensorsFile> {
  const tensors = await readNetworks(trainer.networks)
  const broken = [...tensors].find(([, { values }]) => !values.every(Number.isFinite))
  if (broken) {
    throw new ConfigError(`${broken[0]} is not finite any more, so no checkpoint is written.`, {
      fix: 'lower the learning rates or loss.lambda, and check the intensities of the images',
    })
  }
  for (const [name, state] of momentsOf(trainer)) {
    for (const [purpose, arena] of Object.entries(state)) {
      const { trained } = trainer.networks[name]!
      const prefix = `${OPTIMIZER_PREFIX}${purpose}.`
      for (const [key, tensor] of arenaToTensors(await arena.readAll(), trained, prefix))
        tensors.set(key, tensor)
    }
  }
  for (const { state } of trainer.lossScales) {
    const [variable] = state.variables as [ArenaVariable]
    const values = sliceOf(await state.readAll(), variable)
    tensors.set(`${OPTIMIZER_PREFIX}${variable.name}`, { shape: variable.spec.shape, values })
  }
  const metadata = {
    ...modelMetadata(model),
    progress: JSON.stringify(progress),
    training: JSON.stringify(plain(identity)),
  }
  return { metadata, tensors }
}

/**
 * Puts a training back to where its checkpoint was made. Throws DataError when the file is no checkpoint, ConfigError
 * that names the first key that differs when it belongs to another training. Epochs and time limit may differ.
 */
export function restoreCheckpoint(
  file: SafetensorsFile,
  trainer: Trainer,
  identity: TrainingIdentity,
  architectures: Architectures = ARCHITECTURES,
): TrainingProgress {
  const { progress, training } = file.metadata
  if (progress === undefined || training === undefined) {
    throw new DataError('The file is a model but no checkpoint, so no training can go on from it.', {
      fix: 'resume from checkpoints/latest.safetensors of a run folder',
    })
  }
  assertSameSettings(JSON.parse(training), plain(identity))
  const { tensors } = modelOf(file, undefined, architectures)
  const moments = momentsOf(trainer).flatMap(([name, state]) =>
    Object.entries(state).map(([purpose, arena]) => {
      const prefix = `${OPTIMIZER_PREFIX}${purpose}.`
      return [arena, tensorsToArena(file.tensors, arena, trainer.networks[name]!.trained, prefix)] as const
    }),
  )
  const scales = trainer.lossScales.map(({ state: { variables } }) => {
    const [variable] = variables as readonly [ArenaVariable]
    const key = `${OPTIMIZER_PREFIX}${variable.name}`
    const values = file.tensors.get(key)?.values
    if (!(values instanceof Float32Array)) throw new SafetensorsError('is missing', key)
    return [variable, values] as const
  })
  loadNetworks(trainer.networks, tensors)
  for (const [variable, values] of scales) variable.arena.write(variable, values)
  for (const [arena, words] of moments) arena.writeAll(words)
  return JSON.parse(progress)
}

const momentsOf = ({ optimizers }: Trainer) =>
  NETWORK_NAMES.flatMap((name) => {
    const optimizer = optimizers[name]
    return optimizer ? [[name, optimizer.state] as const] : []
  })

/** The identity without what may change, as JSON would give it back. */
function plain({ config, subjects }: TrainingIdentity): unknown {
  const { seed, data, model, loss, optim, augment, train } = config
  const { epochs: _epochs, timeLimit: _timeLimit, ...kept } = train
  // Labels are told for the model file alone: they were translated before the training, and old checkpoints lack them.
  const { trainingLabels: _labels, ...images } = data
  return JSON.parse(
    JSON.stringify({
      seed,
      data: images,
      model: withoutUsualArchitectures(model),
      loss,
      optim,
      augment,
      train: kept,
      subjects,
    }),
  )
}

/** What says how long to train may change when a training goes on. */
const LENGTH: readonly string[] = ['train.epochs', 'train.timeLimit']

/**
 * Checks that a training may go on with these settings: all but how long it takes must be those that it began with.
 * Settings are trees of JSON values. Throws ConfigError, with `file`, that names the first other key.
 */
export function assertSameSettings(began: unknown, now: unknown, file?: string): void {
  const difference = firstDifference(began, now, '')
  if (difference === undefined) return
  const { path, before, after } = difference
  throw new ConfigError(
    `${path} differs from what this run began with: ${path} was ${before} and is ${after}.`,
    {
      ...(file !== undefined && { file }),
      fix: `resume with the same settings (only ${LENGTH.join(' and ')} may change), or start a new run`,
    },
  )
}

interface Difference {
  readonly path: string
  readonly before: string
  readonly after: string
}

/** The first key in which two JSON values differ, besides `LENGTH`; undefined when they are equal. */
function firstDifference(was: unknown, is: unknown, path: string): Difference | undefined {
  if (LENGTH.includes(path)) return undefined
  if (isObject(was) && isObject(is)) {
    for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
      const difference = firstDifference(was[key], is[key], path === '' ? key : `${path}.${key}`)
      if (difference !== undefined) return difference
    }
    return undefined
  }
  const [before = 'not set', after = 'not set'] = [JSON.stringify(was), JSON.stringify(is)]
  return before === after ? undefined : { path, before, after }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
