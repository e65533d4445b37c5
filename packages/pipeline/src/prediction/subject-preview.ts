import { imageAxes, type PreparedSubject, SCALINGS, voxelSizes } from '@voxnorm/data'
import type { ModelConfig, PredictedVolume } from '@voxnorm/models'
import { channelOf } from './predict-subject.ts'
import { makePreview, type Preview } from './preview.ts'
import type { Assessment } from './trust.ts'

/** What a preview cannot know from the images. */
export interface PreviewFacts {
  readonly participant: string
  readonly site: string
  readonly split: string
  /** Whether a generator made the output; without one there is no image after. */
  readonly normalized: boolean
  /** Where the networks were run. */
  readonly predicted: Uint8Array
  readonly assessment: Assessment
  /** What was odd in the files of the subject, or doubtful in its mask. */
  readonly warnings?: readonly string[]
}

/** The preview of a subject on the networks' grid, of the first modality. */
export function previewOfSubject(
  prepared: PreparedSubject,
  { normalized, labels }: PredictedVolume,
  model: ModelConfig,
  { assessment, ...facts }: PreviewFacts,
): Preview {
  const shape = imageAxes(prepared.shape)
  const first = (values: Float32Array) => channelOf(values, prepared.channels, 0)
  const range = SCALINGS[model.scaling].greys
  return makePreview({
    ...facts,
    ...assessment,
    modality: model.modalities[0]!,
    shape,
    spacing: voxelSizes(prepared.affine),
    raw: first(prepared.image),
    normalized: facts.normalized ? first(normalized) : undefined,
    rawRange: range,
    normalizedRange: model.generatorOutput === 'sigmoid' ? [0, 1] : range,
    mask: prepared.mask,
    prediction: labels,
    ...(prepared.label === undefined ? {} : { reference: prepared.label }),
  })
}
