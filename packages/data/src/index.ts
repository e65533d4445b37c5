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
