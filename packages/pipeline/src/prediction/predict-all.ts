import { DataError, type LabelConvention, STRUCTURE_LIMIT } from '@voxnorm/data'
import { forEachInput, type Judge, type Outcome, writeFailures } from '../failures.ts'
import type { Log } from '../log.ts'
import type { StopRequest } from '../stop.ts'
import { type Sink, sha256 } from '../storage.ts'
import { withoutFolders } from './brain-outputs.ts'
import {
  beginRecord,
  differenceFrom,
  finishRecord,
  hashInputs,
  readRecord,
  type Settings,
} from './finished.ts'
import type { PredictionInput } from './input.ts'
import { insideBids } from './output-names.ts'
import { type Course, type PredictPrepared, predictScan, type ScanOptions } from './predict-scan.ts'
import { previewOfSubject } from './subject-preview.ts'
import type { Trust } from './trust.ts'
import { trustWarnings } from './trust-outputs.ts'
import { type VolumeRow, writeFolderFiles, writePrediction } from './write-outputs.ts'

/** How {@link predictAll} works. */
export interface PredictAllOptions extends ScanOptions {
  /** The folder of the predictions. */
  readonly sink: Sink
  readonly convention: LabelConvention
  readonly probabilities: boolean
  /** Whether an image whose structure was changed is refused instead of written with a warning. */
  readonly strict: boolean
  /** Whether subjects stay as they are that are finished with these settings. */
  readonly continued: boolean
  readonly stop: StopRequest
  readonly judge: Judge
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
  predict: PredictPrepared,
  options: PredictAllOptions,
  log: Log,
): Promise<PredictionOutcome> {
  const { sink, convention, provenance, stop } = options
  // The description comes first: with it, a folder that a kill left is known as one of ours.
  await writeFolderFiles(sink, { provenance, convention, inputs })
  const kept = options.continued ? await findFinished(inputs, options, log) : new Set<PredictionInput>()
  let count = 0
  const outcome = await forEachInput(
    inputs,
    ({ id }) => id,
    async (input) => {
      const place = `${++count}/${inputs.length} ${input.id}`
      if (kept.has(input)) return undefined
      const goOn = () => stop.throwIfStopped(`${count - 1} of ${inputs.length} volumes are done`)
      goOn()
      const predicted = await predictInput(input, predict, options, log, {
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
    { log, judge: options.judge },
  )
  await writeFailures(
    sink,
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
  const { source, sink, stop } = options
  const settings = await settingsOf(options)
  const kept = new Set<PredictionInput>()
  for (const [index, input] of inputs.entries()) {
    stop.throwIfStopped('no volume was predicted')
    log.progress({ what: 'look for finished', done: index, total: inputs.length, unit: 'volumes' })
    const record = await readRecord(sink, input)
    if (!record?.finished || input.problem !== undefined) continue
    const difference = await hashInputs(source, input).then(
      (hashes) => differenceFrom(sink, record, settings, hashes),
      // What cannot be read fails in its turn, and is named there.
      (error: unknown) => options.judge(error).message,
    )
    if (difference === undefined) kept.add(input)
    else log.warning('continue', `${input.id} is predicted again: ${difference}`, { id: input.id })
  }
  log.endProgress()
  log.info('continue', `${kept.size} of ${inputs.length} volumes are finished and stay as they are`)
  return kept
}

/** Everything but the inputs that the outputs of a subject depend on. */
async function settingsOf(options: PredictAllOptions): Promise<Settings> {
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
    ...(reference && { intensityReference: await sha256(new TextEncoder().encode(reference)) }),
  }
}

async function predictInput(
  input: PredictionInput,
  predict: PredictPrepared,
  options: PredictAllOptions,
  log: Log,
  course: Course,
): Promise<PredictedInput> {
  if (input.problem !== undefined) throw input.problem
  const { source, sink } = options
  // Hashed before it is read: a file that changes in between is not taken for the one that was predicted.
  const inputs = await hashInputs(source, input).catch(() => [])
  const { model, provenance, strict } = options
  const { prediction, assessment } = await predictScan(input, predict, options, log, course)
  const { names, site, split } = input
  const { prepared, output } = prediction
  const { normalized } = provenance
  if (strict) assertStructureKept(input, assessment.trust)
  const made = { settings: await settingsOf(options), inputs }
  await beginRecord(sink, input, made)
  const { files, volumes } = await writePrediction(sink, input, prediction, assessment.trust, options)
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
  const figure = `figures/${participant}.json`
  await sink.write(figure, JSON.stringify(preview))
  const written = [...files, figure]
  await finishRecord(sink, input, { ...made, files: written })
  return { id: input.id, files: written, volumes, trust: assessment.trust }
}

function assertStructureKept({ images }: PredictionInput, { structure }: Trust): void {
  if (structure === undefined || structure.structureIndex >= STRUCTURE_LIMIT) return
  throw new DataError(
    `the normalised image does not keep the anatomy: its structure index is ${structure.structureIndex.toFixed(3)}, and a strict prediction refuses everything below ${STRUCTURE_LIMIT}.`,
    {
      file: images[0]!,
      fix: 'do not use this model for this scan; predict without being strict to see in the report what was changed',
    },
  )
}
