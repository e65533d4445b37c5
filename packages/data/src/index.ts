// Errors
export type { ErrorDetails } from './errors.ts'
export {
  ConfigError,
  DataError,
  InputOutputError,
  MissingInputError,
  OutputError,
  VoxnormError,
} from './errors.ts'

// Images
export type {
  Affine,
  Grid,
  HeaderExtension,
  ImageFormat,
  ImageHeader,
  LabelVolume,
  MatrixForm,
  QuaternionForm,
  Shape3,
  Volume,
} from './image/volume.ts'
export {
  CLASSES,
  emptyHeader,
  IDENTITY_AFFINE,
  makeLabelVolume,
  makeVolume,
  voxelCount,
} from './image/volume.ts'

// Metrics
export type { ConfusionMatrix } from './metrics/confusion.ts'
export { accuracy, confusionFractions, confusionMatrix } from './metrics/confusion.ts'
export type { Axis, BiasCorrelation, SliceSelection } from './metrics/correlation.ts'
export { biasFieldCorrelation, correlationAlongAxis } from './metrics/correlation.ts'
export type { SegmentationDistances } from './metrics/distance.ts'
export { classDistances, maskDistances } from './metrics/distance.ts'
export type { Spacing } from './metrics/distance-transform.ts'
export { squaredDistanceTransform } from './metrics/distance-transform.ts'
export { entropy, jensenShannon, jensenShannonBound, jensenShannonLegacy } from './metrics/divergence.ts'
export type { HistogramOptions } from './metrics/histogram.ts'
export { intensityHistogram } from './metrics/histogram.ts'
export type { TissueDice } from './metrics/overlap.ts'
export { diceOfMatrix, tissueDice } from './metrics/overlap.ts'
export { sortedQuantile } from './metrics/quantile.ts'
export { surfaceVoxels } from './metrics/surface.ts'
export { wasserstein1 } from './metrics/wasserstein.ts'
