import {
  headerWarnings,
  type IntensityReference,
  type NamedVolume,
  type PreparedSubject,
} from '@voxnorm/data'
import type { ModelConfig, PredictedVolume } from '@voxnorm/models'
import { warnOfFiles } from '../file-warnings.ts'
import { readImage } from '../images.ts'
import type { Log } from '../log.ts'
import type { Source } from '../storage.ts'
import type { Assessor } from './assessor.ts'
import type { PredictionInput } from './input.ts'
import { type GridChoice, predictSubject, type SubjectPrediction } from './predict-subject.ts'
import type { Assessment } from './trust.ts'
import type { Provenance } from './write-outputs.ts'

/** Runs the networks over a prepared subject; `onProgress` hears of the windows done so far. */
export type PredictPrepared = (
  prepared: PreparedSubject,
  onProgress: (done: number, total: number) => void,
) => Promise<PredictedVolume>

/** How {@link predictScan} works. */
export interface ScanOptions {
  /** Where the scans are. */
  readonly source: Source
  readonly assessor: Assessor
  readonly grid: GridChoice
  readonly model: ModelConfig
  readonly provenance: Provenance
  /** What the model remembers of its training scans. */
  readonly intensityReference?: IntensityReference
}

/** How far a volume is, and whether it may go on. */
export interface Course {
  /** Throws StoppedError when the work is to end. */
  goOn(): void
  onProgress(done: number, total: number): void
}

/**
 * Reads the files of a subject, predicts it and judges the prediction. What is odd in the files is told to the log. Throws
 * DataError or MissingInputError, with the file, for images that cannot be used.
 */
export async function predictScan(
  input: PredictionInput,
  predict: PredictPrepared,
  options: ScanOptions,
  log: Log,
  course: Course,
): Promise<{ readonly prediction: SubjectPrediction; readonly assessment: Assessment }> {
  const { source, grid, model, provenance, intensityReference } = options
  const images: NamedVolume[] = []
  for (const file of input.images) images.push(await readImage(source, file))
  const mask = input.mask === undefined ? undefined : await readImage(source, input.mask)
  // Told before anything can fail: what is odd in a header may be why.
  warnOfFiles(log, headerWarnings({ images, ...(mask && { mask }) }))
  const { scaling, standardScale, voxelSize, modalities } = model
  const { maskFrom, normalized, window, stride } = provenance
  const choice = { grid, scaling, maskFrom, voxelSize, ...(standardScale && { standardScale }) }
  const prediction = await predictSubject(input.id, images, mask, choice, (prepared: PreparedSubject) => {
    warnOfFiles(log, prepared.warnings)
    return predict(prepared, course.onProgress)
  })
  const assessment = await options.assessor.assess(prediction.prepared, prediction.output, {
    modalities,
    windows: { window, stride },
    normalized,
    ...(intensityReference && { intensityReference }),
  })
  course.goOn()
  if (assessment === undefined) throw new Error('an assessment ends early for a stop signal alone')
  return { prediction, assessment }
}
