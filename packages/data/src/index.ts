// Errors

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

export { applyAffine, invertAffine, sameGrid, voxelSizes } from './affine.ts'
export { assertSameGrid, assertUsableImage, toLabelVolume } from './image/check.ts'
export type { EndingPair, Format, ImageBytes } from './image/format.ts'
export { FORMATS, type Formats } from './image/formats.ts'
export { gunzip, gzip } from './image/gzip.ts'
export { companionNames, pairRole, splitImageName } from './image/names.ts'
export type { WriteOptions } from './image/nifti-writer.ts'
export { writeNifti } from './image/nifti-writer.ts'
export type { ReadOptions } from './image/read.ts'
export { readVolume } from './image/read.ts'
export type { Affine, AnyVolume, Grid, ImageHeader, LabelVolume, Shape3, Volume } from './image/volume.ts'
export { CLASSES, IDENTITY_AFFINE, makeLabelVolume, makeVolume, voxelCount } from './image/volume.ts'
export { nearestOrientation, orientationCode, toRas } from './orientation.ts'
export { gridWithVoxelSize, resampleLinear, resampleNearest } from './resample.ts'

// Metrics

export type { ConfusionMatrix } from './metrics/confusion.ts'
export { accuracy, collapsedAnswer, confusionFractions, confusionMatrix } from './metrics/confusion.ts'
export type { Axis } from './metrics/correlation.ts'
export { biasFieldCorrelation, correlationAlongAxis } from './metrics/correlation.ts'
export type { SegmentationDistances } from './metrics/distance.ts'
export { classDistances, maskDistances } from './metrics/distance.ts'
export type { Spacing } from './metrics/distance-transform.ts'
export { squaredDistanceTransform } from './metrics/distance-transform.ts'
export { entropy, jensenShannon, jensenShannonBound, jensenShannonLegacy } from './metrics/divergence.ts'
export { intensityHistogram } from './metrics/histogram.ts'
export { diceOfMatrix, tissueDice } from './metrics/overlap.ts'
export { sortedQuantile } from './metrics/quantile.ts'
export { surfaceVoxels } from './metrics/surface.ts'
export { wasserstein1 } from './metrics/wasserstein.ts'

// Statistics

export { patchFeatures } from './statistics/patch-features.ts'
export type { SiteProbe } from './statistics/site-probe.ts'
export { probeSites } from './statistics/site-probe.ts'
export { bootstrapInterval, deviationOf, meanOf, stratifiedBootstrapInterval } from './statistics/summary.ts'
export { holm, wilcoxonSignedRank } from './statistics/wilcoxon.ts'

// Labels and tables

export type { LabelConvention, LabelMap, LabelSpecification, PartlyLabelled, Tissue } from './labels.ts'
export {
  fromInternal,
  LABEL_CONVENTIONS,
  labelConvention,
  segmentationRows,
  specificationOf,
  TISSUE_COLORS,
  TISSUES,
  toInternal,
  toInternalOrIgnored,
} from './labels.ts'
export type { Cell, Table } from './table.ts'
export { formatTable, parseTable } from './table.ts'

// Data sets

export type { Dataset, Split, Subject } from './datasets/dataset.ts'
export { missingFile, requireFiles, SPLITS, sitesOf } from './datasets/dataset.ts'
export type { FileTree, LayoutContents, LayoutOptions, LayoutReader } from './datasets/file-tree.ts'
export { parseLabelTable } from './datasets/label-table.ts'
export { LAYOUTS, readLayout } from './datasets/layouts.ts'
export type { AssignedSubject } from './split.ts'
export { assignSplits } from './split.ts'

// Subjects and patches

export type { BiasFieldOptions } from './augment.ts'
export { applyBiasField, biasFieldRamp, drawBiasField } from './augment.ts'
export { copyCube, imageAxes, networkAxes, type Triple } from './axes.ts'
export { batchSchedule } from './batches.ts'
export { boundingBox } from './bounding-box.ts'
export type { MaskFrom } from './brain-mask.ts'
export { findBrain, MASK_FROM } from './brain-mask.ts'
export { moveToZero } from './intensity-zero.ts'
export { type LoadOptions, loadSubjectWith } from './load-subject.ts'
export type { PatchDraw } from './patches.ts'
export { extractPatch, patchSampler } from './patches.ts'
export type { NamedVolume, PreparedSubject, PrepareOptions, SubjectVolumes } from './prepare-subject.ts'
export { headerWarnings, prepareSubject } from './prepare-subject.ts'
export type { BrainImage, ScalingLearning, ScalingMethod } from './scaling/method.ts'
export type { Scaling, Scalings } from './scaling.ts'
export { SCALINGS, scaleIntensities } from './scaling.ts'
export { windowAggregator, windowCorners, windowStarts } from './windows.ts'

// Trust

export { alignIntensities } from './trust/alignment.ts'
export type { Calibration } from './trust/calibration.ts'
export { calibration } from './trust/calibration.ts'
export { segmentClassically } from './trust/classical-segmenter.ts'
export { connectedComponents } from './trust/components.ts'
export type { IntensityReference } from './trust/intensity-reference.ts'
export {
  fitIntensityReference,
  intensityDistance,
  intensityFeatures,
  parseIntensityReference,
} from './trust/intensity-reference.ts'
export { isotonicRegression } from './trust/isotonic.ts'
export { lesionRetention, plantLesions } from './trust/lesions.ts'
export { seamIndex, windowBorders } from './trust/seams.ts'
export { preservation, STRUCTURE_LIMIT } from './trust/structure.ts'

// Random numbers

export type { RandomStream } from './random.ts'
export { randomStream } from './random.ts'

// Phantom

export type { PhantomAnatomy } from './phantom/anatomy.ts'
export { phantomSubject } from './phantom/anatomy.ts'
export { phantomImage } from './phantom/image.ts'
export type { PhantomModality, SiteStyle } from './phantom/site-style.ts'
export { SITE_STYLES } from './phantom/site-style.ts'
