// Errors

export type { ErrorDetails } from './errors.ts'
export {
  ConfigError,
  DataError,
  type ErrorKind,
  InputOutputError,
  MissingInputError,
  OutputError,
  type Remedy,
  VoxnormError,
} from './errors.ts'

// Images

export type { Vector3 } from './affine.ts'
export { applyAffine, invertAffine, multiplyAffines, sameGrid, voxelSizes } from './affine.ts'
export { assertSameGrid, assertUsableImage, toLabelVolume } from './image/check.ts'
export { headerForAffine } from './image/geometry.ts'
export { gunzip, gzip, isGzip } from './image/gzip.ts'
export type { ImageName } from './image/names.ts'
export { companionNames, splitImageName } from './image/names.ts'
export type { WriteOptions } from './image/nifti-writer.ts'
export { writeNifti } from './image/nifti-writer.ts'
export type { ReadOptions } from './image/read.ts'
export { readVolume } from './image/read.ts'
export type {
  Affine,
  AnyVolume,
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
  IDENTITY_AFFINE,
  makeLabelVolume,
  makeVolume,
  voxelCount,
} from './image/volume.ts'
export type { Orientation, RasVolume } from './orientation.ts'
export { nearestOrientation, orientationCode, toRas } from './orientation.ts'
export type { TargetGrid } from './resample.ts'
export { gridWithVoxelSize, resampleLinear, resampleNearest } from './resample.ts'

// Metrics

export type { ConfusionMatrix } from './metrics/confusion.ts'
export { accuracy, collapsedAnswer, confusionFractions, confusionMatrix } from './metrics/confusion.ts'
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

// Statistics

export { patchFeatures } from './statistics/patch-features.ts'
export type { ProbePatch, SiteProbe } from './statistics/site-probe.ts'
export { probeSites } from './statistics/site-probe.ts'
export type { BootstrapOptions, Interval } from './statistics/summary.ts'
export {
  bootstrapInterval,
  deviationOf,
  meanOf,
  stratifiedBootstrapInterval,
} from './statistics/summary.ts'
export type { SignedRankTest } from './statistics/wilcoxon.ts'
export { holm, wilcoxonSignedRank } from './statistics/wilcoxon.ts'

// Labels and tables

export type {
  LabelConvention,
  LabelConventionName,
  LabelMap,
  LabelSpecification,
  PartlyLabelled,
  SegmentationRow,
  TissueClass,
} from './labels.ts'
export {
  fromInternal,
  LABEL_CONVENTIONS,
  labelConvention,
  segmentationRows,
  specificationOf,
  toInternal,
  toInternalOrIgnored,
} from './labels.ts'
export type { Cell, Table, TableRow } from './table.ts'
export { formatTable, parseTable } from './table.ts'

// Data sets

export { parseDatasetTable } from './datasets/dataset-table.ts'
export type { FileTree, LayoutOptions } from './datasets/file-tree.ts'
export { parseLabelTable } from './datasets/label-table.ts'
export { readLayout } from './datasets/layouts.ts'
export type { Dataset, DatasetKind, Split, Subject } from './datasets/subject.ts'
export { missingFile, requireFiles, requireModalities, SPLITS, sitesOf } from './datasets/subject.ts'
export type { AssignedSubject, SplitOptions } from './split.ts'
export { assignSplits } from './split.ts'

// Subjects and patches

export type { BiasFieldOptions, PatchPlace } from './augment.ts'
export { applyBiasField, biasFieldRamp, drawBiasField } from './augment.ts'
export type { BatchEntry, BatchSchedule, BatchScheduleOptions } from './batches.ts'
export { batchSchedule } from './batches.ts'
export { type Block, copyCube, imageAxes, networkAxes, type Triple } from './blocks.ts'
export type { BoundingBox } from './bounding-box.ts'
export { boundingBox } from './bounding-box.ts'
export type { BrainFinding, BrainMask, MaskFrom } from './brain-mask.ts'
export { findBrain, MASK_FROM } from './brain-mask.ts'
export { moveToZero } from './intensity-zero.ts'
export type { PatchDraw, PatchSampler, PatchSamplerOptions } from './patches.ts'
export { extractPatch, patchSampler } from './patches.ts'
export type { BrainImage } from './scaling/standard-scale.ts'
export { applyStandardScale, LANDMARK_PERCENTILES, learnStandardScale } from './scaling/standard-scale.ts'
export type { Scaling } from './scaling.ts'
export { SCALINGS, scaleIntensities } from './scaling.ts'
export type { NamedVolume, PreparedSubject, PrepareOptions, SubjectVolumes } from './subject.ts'
export { headerWarnings, prepareSubject, resampleClasses } from './subject.ts'
export type { FinishedPlane, WindowAggregator } from './windows.ts'
export { windowAggregator, windowCorners, windowStarts } from './windows.ts'

// Trust

export { alignIntensities } from './trust/alignment.ts'
export type { Calibration, ConfidenceBin } from './trust/calibration.ts'
export { calibration } from './trust/calibration.ts'
export { segmentClassically } from './trust/classical-segmenter.ts'
export type { Components } from './trust/components.ts'
export { connectedComponents } from './trust/components.ts'
export type { IntensityDistance, IntensityReference } from './trust/intensity-reference.ts'
export {
  fitIntensityReference,
  intensityDistance,
  intensityFeatures,
  parseIntensityReference,
} from './trust/intensity-reference.ts'
export { isotonicRegression } from './trust/isotonic.ts'
export type { Lesion, LesionRetention, PlantedPair } from './trust/lesions.ts'
export { lesionRetention, plantLesions } from './trust/lesions.ts'
export type { WindowBorders } from './trust/seams.ts'
export { seamIndex, windowBorders } from './trust/seams.ts'
export type { Preservation } from './trust/structure.ts'
export { preservation, STRUCTURE_LIMIT } from './trust/structure.ts'

// Random numbers

export type { Permutation, RandomStream } from './random.ts'
export { permutation, randomStream } from './random.ts'

// Phantom

export type { PhantomImageOptions } from './phantom/image.ts'
export { phantomImage } from './phantom/image.ts'
export type { PhantomModality, SiteStyle, TissueSignals } from './phantom/site-style.ts'
export { SITE_STYLES } from './phantom/site-style.ts'
export type { PhantomAnatomy, PhantomSubjectOptions } from './phantom/subject.ts'
export { phantomSubject } from './phantom/subject.ts'
