import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { readSafetensors, SafetensorsError, type StoredTensor } from '@voxnorm/autograd'
import {
  DataError,
  type IntensityReference,
  LANDMARK_PERCENTILES,
  MissingInputError,
  parseIntensityReference,
} from '@voxnorm/data'
import { z } from 'zod'

/** What a model file says about its networks (key `config` of the metadata). Other keys are kept. */
const modelConfigSchema = z
  .looseObject({
    modalities: z.array(z.string()).min(1),
    sites: z.array(z.string()).min(1),
    classes: z.tuple([z.literal('BG'), z.literal('CSF'), z.literal('GM'), z.literal('WM')]),
    base: z.int().positive(),
    padding: z.enum(['replicate', 'zero']),
    activation: z.enum(['relu', 'leaky-relu']),
    generatorOutput: z.enum(['sigmoid', 'relu', 'none']),
    scaling: z.enum(['max', 'zscore', 'nyul', 'white-stripe']),
    standardScale: z.array(z.array(z.number()).length(LANDMARK_PERCENTILES.length)).optional(),
    patch: z.int().positive(),
    voxelSize: z.number().positive().default(1),
  })
  .refine(
    ({ scaling, standardScale, modalities }) =>
      scaling !== 'nyul' || standardScale?.length === modalities.length,
    { path: ['standardScale'] },
  )

/** The networks' settings as stored with the weights. */
export type ModelConfig = z.infer<typeof modelConfigSchema>

/** A model read from disk. */
export interface ModelFile {
  /** The file that was read. */
  readonly file: string
  /** Hash of that file, in hexadecimal. */
  readonly sha256: string
  readonly config: ModelConfig
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** What the training scans look like; models of other programs and runs under way have none. */
  readonly intensityReference?: IntensityReference
}

/**
 * Reads what `-m` names: a safetensors file, a `model/` folder, or a run folder, of which the best checkpoint is taken.
 *
 * Throws MissingInputError when there is no model at the place and DataError when the file is damaged or none of ours.
 */
export function readModel(place: string): ModelFile {
  const file = findModelFile(place)
  const bytes = readFileSync(file)
  try {
    const { metadata, tensors } = readSafetensors(bytes)
    if (metadata.format !== 'voxnorm') {
      throw new DataError(
        'this is a safetensors file, but not a voxnorm model (its metadata has no format "voxnorm").',
        {
          file,
          fix: 'give a model that voxnorm train wrote',
        },
      )
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const config = readModelConfig(metadata.config, file)
    const intensityReference = readIntensityReference(metadata, file)
    return { file, sha256, config, metadata, tensors, ...(intensityReference && { intensityReference }) }
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error
    throw new DataError(`the model cannot be read: ${error.message}.`, {
      file,
      fix: 'copy the file again, or give a model that voxnorm train wrote',
      cause: error,
    })
  }
}

function findModelFile(place: string): string {
  if (!existsSync(place)) {
    throw new MissingInputError('there is no model here.', {
      file: place,
      fix: 'give a model file, model/ or a run folder',
    })
  }
  if (!statSync(place).isDirectory()) return place
  const candidates = [
    'model.safetensors',
    'checkpoints/best.safetensors',
    'model/model.safetensors',
    'checkpoints/latest.safetensors',
  ]
  const found = candidates.map((name) => path.join(place, name)).find((file) => existsSync(file))
  if (found !== undefined) return found
  throw new MissingInputError('this folder holds no model yet.', {
    file: place,
    fix: 'give a run folder with a checkpoint, a model/ folder, or a .safetensors file',
  })
}

function readModelConfig(text: string | undefined, file: string): ModelConfig {
  const broken = (problem: string) =>
    new DataError(`the model's metadata ${problem}.`, { file, fix: 'give a model that voxnorm train wrote' })
  if (text === undefined) throw broken('has no config')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw broken('has a config that is not JSON')
  }
  const result = modelConfigSchema.safeParse(value)
  if (result.success) return result.data
  throw broken(`has a config whose ${result.error.issues[0]!.path.join('.') || 'form'} cannot be used`)
}

/** A checkpoint is written before the reference is known; the `model/` folder of its run has it. */
function readIntensityReference(
  metadata: Readonly<Record<string, string>>,
  file: string,
): IntensityReference | undefined {
  const stored = metadata.intensityReference
  const beside = path.join(path.dirname(file), '..', 'model', 'model.json')
  const ofRun = path.basename(path.dirname(file)) === 'checkpoints' && existsSync(beside)
  if (stored === undefined && !ofRun) return undefined
  try {
    const parsed = JSON.parse(stored ?? readFileSync(beside, 'utf8'))
    const value: unknown = stored === undefined ? parsed.intensityReference : parsed
    if (value === undefined) return undefined
    const reference = parseIntensityReference(value)
    if (reference !== undefined) return reference
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new DataError('what this says of the training scans (intensityReference) cannot be used.', {
    file: stored === undefined ? beside : file,
    fix: 'copy the model again, or give a model that voxnorm train wrote',
  })
}
