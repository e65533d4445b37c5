export { base64, fromBase64 } from './base64.ts'
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
export { type SegmentationRow, scoreSegmentation } from './evaluation/segmentation.ts'
export { classifierLimit, classifySites } from './evaluation/site-classifier.ts'
export type { Judge } from './failures.ts'
export { warnOfFiles } from './file-warnings.ts'
export type { Log, Progress } from './log.ts'
export { type NamedBytes, type Normalized, type NormalizeOptions, normalize } from './normalize.ts'
export { changedSentence } from './prediction/changed-structure.ts'
export { PREDICTION } from './prediction/folder-description.ts'
export type { PredictionInput } from './prediction/input.ts'
export { type PredictAllOptions, type PredictedInput, predictAll } from './prediction/predict-all.ts'
export type { PredictPrepared } from './prediction/predict-scan.ts'
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
export { StoppedError, type StopRequest, stopOnAbort } from './stop.ts'
export { LOCK_NAME, openMemorySink, type Sink, type Source } from './storage.ts'
export { PHANTOM_NAME, type PhantomPlan, writePhantom } from './synthesis.ts'
export { type DatasetRecord, type MetricsLine, readMetrics } from './training/run-records.ts'
export { warmUpNotice } from './training/warm-up.ts'
export { VERSION } from './version.ts'
