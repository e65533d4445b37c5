import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { DataError, type IntensityReference, MissingInputError, parseIntensityReference } from '@voxnorm/data'
import { type ModelConfig, readModel as parseModel, type StoredModel } from '@voxnorm/models'

/** A model read from disk. */
export interface ModelFile {
  /** The file that was read. */
  readonly file: string
  /** Hash of that file, in hexadecimal. */
  readonly sha256: string
  readonly config: ModelConfig
  /** Config and weights, for the networks. */
  readonly stored: StoredModel
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
  const stored = parseModel(bytes, file)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  assertDescribed(file, sha256)
  const intensityReference = stored.intensityReference ?? intensityReferenceOfRun(file)
  return { file, sha256, config: stored.config, stored, ...(intensityReference && { intensityReference }) }
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

/** Throws DataError where `model.json` beside the file is about another one: one of the two was changed or damaged. */
function assertDescribed(file: string, sha256: string): void {
  const beside = path.join(path.dirname(file), 'model.json')
  if (path.basename(file) !== 'model.safetensors' || !existsSync(beside)) return
  const stated = /"sha256": *"([0-9a-f]{64})"/.exec(readFileSync(beside, 'utf8'))?.[1]
  if (stated === undefined || stated === sha256) return
  throw new DataError('this is not the file that model.json beside it describes: its hash is another one.', {
    file,
    fix: 'copy the folder again, or finish the training that writes it',
  })
}

/** A checkpoint is written before the reference is known; the `model/` folder of its run has it. */
function intensityReferenceOfRun(file: string): IntensityReference | undefined {
  const beside = path.join(path.dirname(file), '..', 'model', 'model.json')
  if (path.basename(path.dirname(file)) !== 'checkpoints' || !existsSync(beside)) return undefined
  try {
    const { intensityReference: value } = JSON.parse(readFileSync(beside, 'utf8'))
    if (value === undefined) return undefined
    const reference = parseIntensityReference(value)
    if (reference !== undefined) return reference
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new DataError('what this says of the training scans (intensityReference) cannot be used.', {
    file: beside,
    fix: 'copy the model again, or give a model that voxnorm train wrote',
  })
}
