import { createHash } from 'node:crypto'
import path from 'node:path'
import {
  DataError,
  headerWarnings,
  type IntensityReference,
  type LabelConvention,
  type NamedVolume,
  STRUCTURE_LIMIT,
} from '@voxnorm/data'
import { makeFolder, readVolumeFile, removeTemporaryFiles, writeFileAtomically } from '@voxnorm/data/node'
import type { ModelConfig } from '@voxnorm/models'
import { messageOf } from '../exit-codes.ts'
import { forEachInput, type Outcome, writeFailures } from '../failures.ts'
import { warnOfFiles } from '../file-warnings.ts'
import type { Log } from '../progress.ts'
import type { StopRequest } from '../stop-request.ts'
import { type Assessor, openAssessor } from './assessor.ts'
import { withoutFolders } from './brain-outputs.ts'
import {
  beginRecord,
  differenceFrom,
  finishRecord,
  hashInputs,
  readRecord,
  type Settings,
} from './finished.ts'
import type { PredictionInput } from './inputs.ts'
import type { Predictor } from './network.ts'
import { insideBids } from './output-names.ts'
import { type GridChoice, predictSubject } from './predict-subject.ts'
import { previewOfSubject } from './subject-preview.ts'
import type { Trust } from './trust.ts'
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
  /** Whether subjects stay as they are that are finished with these settings. */
  readonly continued: boolean
  readonly stop: StopRequest
}

/** What was written for one input. */
export interface PredictedInput {
  readonly id: string
  readonly files: readonly string[]
  readonly volumes: readonly VolumeRow[]
  readonly trust: Trust
}

/** What became of all inputs. */
export interface PredictionOutcome extends Outcome<PredictedInput> {
  /** Inputs that were finished already. */
  readonly kept: readonly string[]
}

/**
 * Predicts volumes one after the other and writes their outputs as soon as they are done. A kill at any moment leaves
 * subjects that are finished, and others that a later call with `continued` does again.
 *
 * Inputs that cannot be used are named in failures.tsv and the others are done; see {@link forEachInput}. Throws
 * StoppedError after a stop signal; the volume at work then has no outputs.
 */
export async function predictAll(
  inputs: readonly PredictionInput[],
  predictor: Predictor,
  options: PredictAllOptions,
  log: Log,
): Promise<PredictionOutcome> {
  const { out, convention, provenance, stop } = options
  makeFolder(out)
  // The description comes first: with it, a folder that a kill left is known as one of ours.
  writeFolderFiles(out, { provenance, convention, inputs })
  makeFolder(path.join(out, 'figures'))
  for (const name of ['.', 'figures']) removeTemporaryFiles(path.join(out, name))
  const kept = options.continued ? await findFinished(inputs, options, log) : new Set<PredictionInput>()
  const assessor = openAssessor(stop.signal)
  let count = 0
  const outcome = await forEachInput(
    inputs,
    ({ id }) => id,
    async (input) => {
      const place = `${++count}/${inputs.length} ${input.id}`
      if (kept.has(input)) return undefined
      const goOn = () => stop.throwIfStopped(`${count - 1} of ${inputs.length} volumes are done`)
      goOn()
      const predicted = await predictInput(input, { predictor, assessor }, options, log, {
        goOn,
        onProgress(done, total) {
          goOn()
          log.progress({ what: `predict ${place}`, done, total, unit: 'windows' })
        },
      })
      log.endProgress()
      for (const warning of trustWarnings(predicted.trust)) log.warning('trust', `${input.id}: ${warning}`)
      log.info('predicted', `${place} done`, { id: input.id, files: predicted.files })
      return predicted
    },
    log,
  ).finally(() => assessor.close())
  writeFailures(
    out,
    outcome.failures,
    inputs.map(({ id }) => id),
  )
  return {
    results: outcome.results.filter((result) => result !== undefined),
    failures: outcome.failures,
    kept: [...kept].map(({ id }) => id),
  }
}

/** The inputs that are finished as they would come out now; says of the other finished ones why they are done again. */
async function findFinished(
  inputs: readonly PredictionInput[],
  options: PredictAllOptions,
  log: Log,
): Promise<Set<PredictionInput>> {
  const { out, stop } = options
  const settings = settingsOf(options)
  const kept = new Set<PredictionInput>()
  for (const [index, input] of inputs.entries()) {
    stop.throwIfStopped('no volume was predicted')
    log.progress({ what: 'look for finished', done: index, total: inputs.length, unit: 'volumes' })
    const record = readRecord(out, input)
    if (!record?.finished || input.problem !== undefined) continue
    const difference = await hashInputs(input).then(
      (hashes) => differenceFrom(out, record, settings, hashes),
      // What cannot be read fails in its turn, and is named there.
      (error: Error) => messageOf(error),
    )
    if (difference === undefined) kept.add(input)
    else log.warning('continue', `${input.id} is predicted again: ${difference}`, { id: input.id })
  }
  log.endProgress()
  log.info('continue', `${kept.size} of ${inputs.length} volumes are finished and stay as they are`)
  return kept
}

/** Everything but the inputs that the outputs of a subject depend on. */
function settingsOf(options: PredictAllOptions): Settings {
  const { provenance, convention, probabilities, strict, intensityReference } = options
  const { version, modelFile: _file, modelSha256: model, trainingSites: _sites, ...choices } = provenance
  const reference = intensityReference && JSON.stringify(intensityReference)
  return {
    version,
    model,
    ...choices,
    labels: JSON.stringify(convention.written),
    probabilities,
    strict,
    ...(reference && { intensityReference: createHash('sha256').update(reference).digest('hex') }),
  }
}

/** How far a volume is, and whether it may go on. */
interface Course {
  /** Throws StoppedError after a stop signal. */
  goOn(): void
  onProgress(done: number, total: number): void
}

async function predictInput(
  input: PredictionInput,
  { predictor, assessor }: { readonly predictor: Predictor; readonly assessor: Assessor },
  options: PredictAllOptions,
  log: Log,
  course: Course,
): Promise<PredictedInput> {
  if (input.problem !== undefined) throw input.problem
  // Hashed before it is read: a file that changes in between is not taken for the one that was predicted.
  const inputs = await hashInputs(input).catch(() => [])
  const { grid, model, out, provenance, intensityReference, strict } = options
  const read = async (file: string): Promise<NamedVolume> => ({ file, volume: await readVolumeFile(file) })
  const images: NamedVolume[] = []
  for (const file of input.images) images.push(await read(file))
  const mask = input.mask === undefined ? undefined : await read(input.mask)
  // Told before anything can fail: what is odd in a header may be why.
  warnOfFiles(log, headerWarnings({ images, ...(mask && { mask }) }))
  const { scaling, standardScale, voxelSize } = model
  const { maskFrom } = provenance
  const choice = { grid, scaling, maskFrom, voxelSize, ...(standardScale && { standardScale }) }
  const prediction = await predictSubject(input.id, images, mask, choice, (prepared) => {
    warnOfFiles(log, prepared.warnings)
    return predictor(prepared, course.onProgress)
  })
  const { names, site, split } = input
  const { prepared, output } = prediction
  const { modalities } = model
  const { normalized, window, stride } = provenance
  const assessment = await assessor.assess(prepared, output, {
    modalities,
    windows: { window, stride },
    normalized,
    ...(intensityReference && { intensityReference }),
  })
  course.goOn()
  if (assessment === undefined) throw new Error('an assessment ends early for a stop signal alone')
  if (strict) assertStructureKept(input, assessment.trust)
  const made = { settings: settingsOf(options), inputs }
  beginRecord(out, input, made)
  const { files, volumes } = await writePrediction(out, input, prediction, assessment.trust, options)
  // The name of a preview tells subjects with equal file names apart.
  const separate = names.folder !== '' && names.folder !== insideBids(input.images[0]!)?.folder
  const participant = separate ? names.folder.replaceAll('/', '_') : names.base
  const preview = previewOfSubject(prepared, output, model, {
    participant,
    site,
    split,
    normalized,
    predicted: prepared.mask,
    assessment,
    warnings: withoutFolders(prepared.warnings, input),
  })
  const figure = path.join('figures', `${participant}.json`)
  writeFileAtomically(path.join(out, figure), JSON.stringify(preview))
  const written = [...files, figure]
  finishRecord(out, input, { ...made, files: written })
  return { id: input.id, files: written, volumes, trust: assessment.trust }
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
