import path from 'node:path'
import {
  DataError,
  type IntensityReference,
  type LabelConvention,
  type NamedVolume,
  STRUCTURE_LIMIT,
} from '@voxnorm/data'
import { makeFolder, readVolumeFile, writeFileAtomically } from '@voxnorm/data/node'
import type { ModelConfig } from '@voxnorm/models'
import { forEachInput, type Outcome, writeFailures } from '../failures.ts'
import type { Log } from '../progress.ts'
import type { StopRequest } from '../stop-request.ts'
import type { PredictionInput } from './inputs.ts'
import type { Predictor } from './network.ts'
import { type GridChoice, predictSubject } from './predict-subject.ts'
import { previewOfSubject } from './subject-preview.ts'
import { assess, type Trust } from './trust.ts'
import { trustWarnings } from './trust-outputs.ts'
import { type Provenance, type VolumeRow, writeFolderFiles, writePrediction } from './write-outputs.ts'

/** How {@link predictAll} works. */
export interface PredictAllOptions {
  readonly out: string
  readonly grid: GridChoice
  readonly model: ModelConfig
  readonly convention: LabelConvention
  readonly probabilities: boolean
  readonly provenance: Provenance
  /** What the model remembers of its training scans. */
  readonly intensityReference?: IntensityReference
  /** Whether an image whose structure was changed is refused instead of written with a warning. */
  readonly strict: boolean
  readonly stop: StopRequest
}

/** What was written for one input. */
export interface PredictedInput {
  readonly id: string
  readonly files: readonly string[]
  readonly volumes: readonly VolumeRow[]
  readonly trust: Trust
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
      for (const warning of trustWarnings(predicted.trust)) log.warning('trust', `${input.id}: ${warning}`)
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
  const { grid, model, out, provenance, intensityReference, strict } = options
  const read = async (file: string): Promise<NamedVolume> => ({ file, volume: await readVolumeFile(file) })
  const images: NamedVolume[] = []
  for (const file of input.images) images.push(await read(file))
  const mask = input.mask === undefined ? undefined : await read(input.mask)
  const { scaling, standardScale, voxelSize } = model
  const choice = { grid, scaling, voxelSize, ...(standardScale && { standardScale }) }
  const prediction = await predictSubject(input.id, images, mask, choice, (prepared) =>
    predictor(prepared, onProgress),
  )
  const { names, site, split } = input
  const { prepared, output } = prediction
  const { modalities } = model
  const { normalized, window, stride } = provenance
  const assessment = assess(prepared, output, {
    modalities,
    windows: { window, stride },
    normalized,
    ...(intensityReference && { intensityReference }),
  })
  if (strict) assertStructureKept(input, assessment.trust)
  const { files, volumes } = await writePrediction(out, input, prediction, assessment.trust, options)
  // The name of a preview tells subjects with equal file names apart.
  const participant = !names.bids && names.folder !== '' ? names.folder.replaceAll('/', '_') : names.base
  const preview = previewOfSubject(prepared, output, model, {
    participant,
    site,
    split,
    normalized,
    predicted: prepared.mask,
    assessment,
  })
  const figure = path.join('figures', `${participant}.json`)
  writeFileAtomically(path.join(out, figure), JSON.stringify(preview))
  return { id: input.id, files: [...files, figure], volumes, trust: assessment.trust }
}

function assertStructureKept({ images }: PredictionInput, { structure }: Trust): void {
  if (structure === undefined || structure.structureIndex >= STRUCTURE_LIMIT) return
  throw new DataError(
    `the normalised image does not keep the anatomy: its structure index is ${structure.structureIndex.toFixed(3)}, and --strict refuses everything below ${STRUCTURE_LIMIT}.`,
    {
      file: images[0]!,
      fix: 'do not use this model for this scan; predict without --strict to see in the report what was changed',
    },
  )
}
