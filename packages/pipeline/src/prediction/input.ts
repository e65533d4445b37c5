import type { VoxnormError } from '@voxnorm/data'
import type { OutputNames } from './output-names.ts'

/** One volume to predict: its files and where its outputs go. */
export interface PredictionInput {
  readonly id: string
  /** Site and split where a dataset says so, else `n/a`. */
  readonly site: string
  readonly split: string
  /** One file per modality, in the order of the model's channels. */
  readonly images: readonly string[]
  readonly mask?: string
  readonly names: OutputNames
  /** Why the subject cannot be predicted, where that is known already. */
  readonly problem?: VoxnormError
}
