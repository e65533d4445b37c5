import { readSafetensors, type SafetensorsFile, type StoredTensor, writeSafetensors } from '@voxnorm/autograd'
import {
  CLASSES,
  DataError,
  type IntensityReference,
  parseIntensityReference,
  SCALINGS,
  type Scaling,
} from '@voxnorm/data'
import { elements, sameShape } from '@voxnorm/tensor'
import { ARCHITECTURES, type Architectures } from './architectures.ts'
import {
  ACTIVATIONS,
  type DiscriminatorConfig,
  GENERATOR_OUTPUTS,
  type ModelConfig,
  PADDINGS,
} from './config.ts'
import { listNetworks, makeNetworks, NETWORK_NAMES, type NetworkName, type Networks } from './networks.ts'

/** A model as a file holds it: what it is, and the weights and running statistics of its networks. */
export interface StoredModel {
  readonly config: ModelConfig
  /** The networks that the file has; all have a segmenter. */
  readonly names: readonly NetworkName[]
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** What the training scans look like; checkpoints and models of other programs have none. */
  readonly intensityReference?: IntensityReference
}

/** Tensors of a training's checkpoint that are no part of the model begin with this. */
export const OPTIMIZER_PREFIX = 'optimizer.'

/** Metadata of a model file, and the part of a checkpoint's metadata that makes it a model file too. */
export const modelMetadata = (config: ModelConfig): Record<string, string> => ({
  format: 'voxnorm',
  version: '1',
  config: JSON.stringify(config),
})

/** The bytes of a model file: equal models give equal bytes. */
export const writeModel = ({
  config,
  tensors,
}: Pick<StoredModel, 'config' | 'tensors'>): Uint8Array<ArrayBuffer> =>
  writeSafetensors({ metadata: modelMetadata(config), tensors })

/**
 * Reads a model file or a checkpoint, and checks its config, and that every tensor that its networks need is there, has its
 * shape and holds finite numbers, and that there is no other. Throws DataError that names the key or tensor and `file`.
 */
export function readModel(
  bytes: Uint8Array,
  file?: string,
  architectures: Architectures = ARCHITECTURES,
): StoredModel {
  return modelOf(
    attempt(() => readSafetensors(bytes), file),
    file,
    architectures,
  )
}

/** As `readModel`, for a file that was taken apart already. */
export function modelOf(
  { metadata, tensors }: SafetensorsFile,
  file?: string,
  architectures: Architectures = ARCHITECTURES,
): StoredModel {
  const details = file === undefined ? {} : { file }
  if (metadata['format'] !== 'voxnorm' || metadata['config'] === undefined) {
    throw new DataError('The file has tensors but is no voxnorm model.', {
      ...details,
      fix: 'give a model.safetensors, a model folder or a run folder that voxnorm wrote',
    })
  }
  if (metadata['version'] !== '1') {
    throw new DataError(
      `The model has version ${metadata['version']}, this program reads version 1.`,
      details,
    )
  }
  const config = readConfig(metadata['config'], { tensors, file, architectures })
  const names = NETWORK_NAMES.filter((name) => [...tensors.keys()].some((key) => key.startsWith(`${name}.`)))
  const wanted = names.includes('segmenter') ? names : [...names, 'segmenter' as const]
  checkTensors(makeNetworks(config, wanted, architectures), tensors, file)
  const own = [...tensors].filter(([name]) => !name.startsWith(OPTIMIZER_PREFIX))
  const reference = metadata['intensityReference']
  return {
    config,
    names,
    tensors: new Map(own),
    ...(reference !== undefined && { intensityReference: readIntensityReference(reference, file) }),
  }
}

/** Names and shapes of all tensors of networks, as files hold them. */
const expectedTensors = (networks: Networks): Map<string, readonly number[]> =>
  new Map(
    listNetworks(networks).flatMap(({ trained, statistics }) =>
      [...trained, ...statistics].map(({ name, layout }) => [name, layout.shape] as const),
    ),
  )

function checkTensors(
  networks: Networks,
  tensors: SafetensorsFile['tensors'],
  file: string | undefined,
): void {
  const details = file === undefined ? {} : { file }
  const expected = expectedTensors(networks)
  for (const [name, shape] of expected) {
    const stored = tensors.get(name)
    const right = `float32 [${shape.join(', ')}]`
    if (!stored) throw new DataError(`The model has no tensor "${name}", which should be ${right}.`, details)
    if (!(stored.values instanceof Float32Array) || !sameShape(stored.shape, shape)) {
      const type = stored.values instanceof Float32Array ? 'float32' : stored.values.constructor.name
      const found = `${type} [${stored.shape.join(', ')}]`
      throw new DataError(`The model's tensor "${name}" is ${found} but should be ${right}.`, {
        ...details,
        fix: 'the weights do not belong to the config in the file; write the file again',
      })
    }
    if (stored.values.length !== elements(shape) || !stored.values.every(Number.isFinite)) {
      throw new DataError(`The model's tensor "${name}" holds values that are not finite.`, details)
    }
  }
  for (const name of tensors.keys()) {
    if (expected.has(name) || name.startsWith(OPTIMIZER_PREFIX)) continue
    throw new DataError(`The model has a tensor "${name}" that none of its networks knows.`, details)
  }
}

const CHOICES = {
  padding: PADDINGS,
  activation: ACTIVATIONS,
  generatorOutput: GENERATOR_OUTPUTS,
  scaling: Object.keys(SCALINGS),
} as const

function readConfig(
  text: string,
  {
    tensors,
    file,
    architectures,
  }: {
    readonly tensors: SafetensorsFile['tensors']
    readonly file: string | undefined
    readonly architectures: Architectures
  },
): ModelConfig {
  const details = file === undefined ? {} : { file }
  const wrong = (key: string, expected: string) =>
    new DataError(`The model's config has no proper "${key}": it must be ${expected}.`, details)
  const parsed: unknown = attempt(() => JSON.parse(text), file)
  if (typeof parsed !== 'object' || parsed === null) throw wrong('config', 'a JSON object')
  const config = parsed as Record<string, unknown>
  for (const key of ['modalities', 'sites']) {
    const list = config[key]
    const texts = Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === 'string')
    if (!texts) throw wrong(key, 'a list of names')
  }
  if (JSON.stringify(config['classes']) !== JSON.stringify(CLASSES)) {
    throw wrong('classes', `the list ${CLASSES.join(', ')}`)
  }
  for (const key of ['base', 'patch']) {
    if (!(Number.isInteger(config[key]) && (config[key] as number) > 0))
      throw wrong(key, 'a whole number above 0')
  }
  for (const [key, choices] of Object.entries<readonly string[]>(CHOICES)) {
    if (!choices.includes(config[key] as string)) throw wrong(key, `one of ${choices.join(', ')}`)
  }
  for (const [network, rows] of NETWORK_NAMES.map((name) => [name, architectures[name]] as const)) {
    const { architecture } = (config[network] ?? {}) as { readonly architecture?: string }
    if (architecture === undefined || Object.hasOwn(rows, architecture)) continue
    throw wrong(`${network}.architecture`, `one of ${Object.keys(rows).join(', ')}`)
  }
  const generator = (config['generator'] ?? {}) as Readonly<Record<string, unknown>>
  if (architectures.generator[String(generator['architecture'])]?.seesVolume) {
    for (const key of ['cell', 'knots', 'freedom']) {
      const value = generator[key]
      if (
        typeof value === 'number' &&
        value > 0 &&
        (key !== 'knots' || (Number.isInteger(value) && value > 2))
      )
        continue
      throw wrong(`generator.${key}`, key === 'knots' ? 'a whole number above 2' : 'a number above 0')
    }
  }
  const { learning } = SCALINGS[config['scaling'] as Scaling]
  if (learning && !isLearntScale(config['standardScale'], config['modalities'], learning.length)) {
    throw wrong('standardScale', `a list of ${learning.length} numbers for each modality`)
  }
  // Files of other programs need not speak of it; 1 mm is what the paper's networks see.
  const { voxelSize = 1 } = config
  if (!(typeof voxelSize === 'number' && voxelSize > 0)) throw wrong('voxelSize', 'a number above 0')
  const discriminator = config['discriminator'] ?? guessDiscriminator(tensors)
  if (!isDiscriminator(discriminator)) {
    throw wrong('discriminator', 'an object with base, a whole number above 0')
  }
  // A file without a dropout rate is for predicting, which drops nothing.
  const complete = 'dropout' in discriminator ? discriminator : { ...discriminator, dropout: 0.25 }
  return { ...config, voxelSize, discriminator: complete } as ModelConfig
}

function isLearntScale(value: unknown, modalities: unknown, length: number): boolean {
  const isOne = (list: unknown) =>
    Array.isArray(list) && list.length === length && list.every(Number.isFinite)
  return Array.isArray(value) && value.length === (modalities as unknown[]).length && value.every(isOne)
}

function isDiscriminator(value: unknown): value is Pick<DiscriminatorConfig, 'base'> {
  const base: unknown =
    typeof value === 'object' && value !== null && 'base' in value ? value.base : undefined
  return Number.isInteger(base) && (base as number) > 0
}

/** The config of a model file need not speak of D: its tensors tell its width. */
function guessDiscriminator(tensors: SafetensorsFile['tensors']): DiscriminatorConfig {
  const base = tensors.get('discriminator.conv1.weight')?.shape[0] ?? 16
  return { base, dropout: 0.25, ...(tensors.has('discriminator.norm2.weight') && { bn: true }) }
}

function readIntensityReference(text: string, file: string | undefined): IntensityReference {
  const reference = parseIntensityReference(attempt(() => JSON.parse(text), file))
  if (reference !== undefined) return reference
  throw new DataError('What the model says of its training scans (intensityReference) cannot be used.', {
    ...(file === undefined ? {} : { file }),
    fix: 'copy the model again, or give another one',
    remedy: 'model',
  })
}

/** Runs a reader of text or bytes; what it throws becomes a DataError. */
function attempt<T>(read: () => T, file: string | undefined): T {
  try {
    return read()
  } catch (error) {
    const sentence = `The model file cannot be read: ${error instanceof Error ? error.message : error}.`
    throw new DataError(sentence, { ...(file !== undefined && { file }), cause: error })
  }
}
