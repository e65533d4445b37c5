export { base64, fromBase64 } from './base64.ts'
export { parseDuration } from './config/duration.ts'
export { type Overrides, parseConfig } from './config/parse-config.ts'
export { PRESETS } from './config/presets.ts'
export { configHelp, configKeys, configPage } from './config/reference.ts'
export { type Config, configSchema } from './config/schema.ts'
export { assertFitsSites, assertResumable, toTraining } from './config/to-training.ts'
export type { OpenDevice } from './device.ts'
export { evaluateAll, writeEvaluation } from './evaluation/evaluate.ts'
export {
  collectIntensities,
  HARMONIZATION_COLUMNS,
  type HarmonizationRow,
  harmonizationRows,
  type SubjectIntensities,
} from './evaluation/harmonization.ts'
export { checkLabelOrder } from './evaluation/label-order.ts'
export { type SegmentationRow, scoreSegmentation, TISSUES, type Tissue } from './evaluation/segmentation.ts'
export { classifierLimit, classifySites } from './evaluation/site-classifier.ts'
export type { Judge } from './failures.ts'
export { warnOfFiles } from './file-warnings.ts'
export { labelsOfFlag } from './label-conventions.ts'
export { duration, type Log, type Progress } from './log.ts'
export { nearest } from './nearest.ts'
export { changedSentence } from './prediction/changed-structure.ts'
export { PREDICTION } from './prediction/folder-description.ts'
export type { PredictionInput } from './prediction/input.ts'
export { type PredictedInput, type PredictPrepared, predictAll } from './prediction/predict-all.ts'
export {
  type GridChoice,
  type PredictionOptions,
  predictSubject,
  type SubjectPrediction,
} from './prediction/predict-subject.ts'
export {
  axialSlab,
  makePreview,
  type Preview,
  type PreviewInput,
  type PreviewSlice,
} from './prediction/preview.ts'
export { assess, intensityReferenceOf, type Structure, type Trust } from './prediction/trust.ts'
export {
  TRUST_COLUMNS,
  type TrustRow,
  trustFields,
  trustRows,
  trustWarnings,
  UNLIKE_PERCENTILE,
} from './prediction/trust-outputs.ts'
export { writeFolderFiles, writePrediction } from './prediction/write-outputs.ts'
export { type PredictionRecords, type RunRecords, readPredictionRecords, readRunRecords } from './records.ts'
export { StoppedError, type StopRequest } from './stop.ts'
export { LOCK_NAME } from './storage.ts'
export { PHANTOM_NAME, type PhantomPlan, writePhantom } from './synthesis.ts'
export { assertTissuesOccur, conventionsOf, exchangeWarning } from './training/label-checks.ts'
export { writeModelFolder } from './training/model-folder.ts'
export { withPossiblePrecision } from './training/precision.ts'
export { datasetRecord, loadRun, planRun, type RunPlan } from './training/prepare-run.ts'
export { recordRun } from './training/record-run.ts'
export { type DatasetRecord, type MetricsLine, readMetrics } from './training/run-folder.ts'
export { sayPlan } from './training/say-plan.ts'
export { type Host, readCheckpoint, type Tuner, trainRun } from './training/train-run.ts'
export { warmUpNotice } from './training/warm-up.ts'
