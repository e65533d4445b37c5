import path from 'node:path'
import type { LabelConvention, NamedVolume, PreparedSubject, Shape3 } from '@voxnorm/data'
import { makeFolder, readVolumeFile, writeFileAtomically } from '@voxnorm/data/node'
import { forEachInput, type Outcome, writeFailures } from '../failures.ts'
import type { ModelConfig } from '../model-file.ts'
import type { Log } from '../progress.ts'
import { makePreview, type Preview } from '../report/preview.ts'
import type { StopRequest } from '../stop-request.ts'
import type { PredictionInput } from './inputs.ts'
import {
  type GridChoice,
  type NetworkOutput,
  predictSubject,
  type SubjectPrediction,
} from './predict-subject.ts'
import { type Provenance, type VolumeRow, writeFolderFiles, writePrediction } from './write-outputs.ts'

/** Runs the networks over a prepared subject; `onProgress` hears of the windows done so far. */
export type Predictor = (
  prepared: PreparedSubject,
  onProgress: (done: number, total: number) => void,
) => Promise<NetworkOutput>

/** How {@link predictAll} works. */
export interface PredictAllOptions {
  readonly out: string
  readonly grid: GridChoice
  readonly model: ModelConfig
  readonly convention: LabelConvention
  readonly probabilities: boolean
  readonly provenance: Provenance
  readonly stop: StopRequest
}

/** What was written for one input. */
export interface PredictedInput {
  readonly id: string
  readonly files: readonly string[]
  readonly volumes: readonly VolumeRow[]
}

/**
 * Predicts volumes one after the other and writes their outputs as soon as they are done.
 *
 * Inputs that cannot be used are named in failures.tsv and the others are done; see {@link forEachInput}. Throws
 * StoppedError after a stop signal; the volume at work then has no outputs.
 */
export async function predictAll(
  inputs: readonly PredictionInput[],
  predictor: Predictor,
  options: PredictAllOptions,
  log: Log,
): Promise<Outcome<PredictedInput>> {
  const { out, convention, provenance, stop } = options
  makeFolder(path.join(out, 'figures'))
  writeFolderFiles(out, { provenance, convention, inputs })
  let count = 0
  const outcome = await forEachInput(
    inputs,
    ({ id }) => id,
    async (input) => {
      const place = `${++count}/${inputs.length} ${input.id}`
      const goOn = () => stop.throwIfStopped(`${count - 1} of ${inputs.length} volumes are done`)
      goOn()
      const predicted = await predictInput(input, predictor, options, (done, total) => {
        goOn()
        log.progress({ what: `predict ${place}`, done, total, unit: 'windows' })
      })
      log.endProgress()
      log.info('predicted', `${place} done`, { id: input.id, files: predicted.files })
      return predicted
    },
    log,
  )
  writeFailures(out, outcome.failures)
  return outcome
}

async function predictInput(
  input: PredictionInput,
  predictor: Predictor,
  options: PredictAllOptions,
  onProgress: (done: number, total: number) => void,
): Promise<PredictedInput> {
  if (input.problem !== undefined) throw input.problem
  const { grid, model, out } = options
  const read = async (file: string): Promise<NamedVolume> => ({ file, volume: await readVolumeFile(file) })
  const images: NamedVolume[] = []
  for (const file of input.images) images.push(await read(file))
  const mask = input.mask === undefined ? undefined : await read(input.mask)
  const { scaling, standardScale, voxelSize } = model
  const choice = { grid, scaling, voxelSize, ...(standardScale && { standardScale }) }
  const prediction = await predictSubject(input.id, images, mask, choice, (prepared) =>
    predictor(prepared, onProgress),
  )
  const { files, volumes } = await writePrediction(out, input, prediction, options)
  const preview = previewOf(input, prediction, options)
  const figure = path.join('figures', `${preview.participant}.json`)
  writeFileAtomically(path.join(out, figure), JSON.stringify(preview))
  return { id: input.id, files: [...files, figure], volumes }
}

/** The preview of a prediction; its name tells subjects with equal file names apart. */
function previewOf(
  { names, site, split }: PredictionInput,
  { prepared, output }: SubjectPrediction,
  { model, provenance }: PredictAllOptions,
): Preview {
  const separate = !names.bids && names.folder !== ''
  return previewOfSubject(prepared, output, model, {
    participant: separate ? names.folder.replaceAll('/', '_') : names.base,
    site,
    split,
    normalized: provenance.normalized,
    predicted: prepared.mask,
  })
}

/** What a preview cannot know from the images. */
export interface PreviewFacts {
  readonly participant: string
  readonly site: string
  readonly split: string
  /** Whether a generator made the output; without one there is no image after. */
  readonly normalized: boolean
  /** Where the networks were run. */
  readonly predicted: Uint8Array
}

/** The preview of a subject on the networks' grid, of the first modality. */
export function previewOfSubject(
  prepared: PreparedSubject,
  { normalized, probabilities }: NetworkOutput,
  model: ModelConfig,
  facts: PreviewFacts,
): Preview {
  const [depth, height, width] = prepared.shape
  const shape: Shape3 = [width, height, depth]
  const first = (values: Float32Array) =>
    Float32Array.from({ length: prepared.mask.length }, (_, voxel) => values[voxel * prepared.channels]!)
  const edge = (column: number) => Math.hypot(...[0, 4, 8].map((row) => prepared.affine[row + column]!))
  // Scaled images lie in 0..1, z-scored ones almost entirely within four deviations.
  const range = model.scaling === 'max' ? ([0, 1] as const) : ([-4, 4] as const)
  return makePreview({
    ...facts,
    modality: model.modalities[0]!,
    shape,
    spacing: [edge(0), edge(1), edge(2)],
    raw: first(prepared.image),
    normalized: facts.normalized ? first(normalized) : undefined,
    rawRange: range,
    normalizedRange: model.generatorOutput === 'sigmoid' ? [0, 1] : range,
    mask: prepared.mask,
    prediction: likeliest(probabilities),
    ...(prepared.label === undefined ? {} : { reference: prepared.label }),
  })
}

function likeliest(probabilities: Float32Array): Uint8Array {
  const labels = new Uint8Array(probabilities.length / 4)
  for (let voxel = 0; voxel < labels.length; voxel++) {
    for (let label = 1; label < 4; label++) {
      if (probabilities[4 * voxel + label]! > probabilities[4 * voxel + labels[voxel]!]!)
        labels[voxel] = label
    }
  }
  return labels
}
