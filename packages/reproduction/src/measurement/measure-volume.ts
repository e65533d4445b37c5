import path from 'node:path'
import {
  type AssignedSubject,
  assertSameGrid,
  boundingBox,
  calibration,
  findBrain,
  headerWarnings,
  intensityHistogram,
  type LabelVolume,
  labelConvention,
  type MaskFrom,
  moveToZero,
  type NamedVolume,
  type Shape3,
  scaleIntensities,
  TISSUES,
  type Tissue,
  toInternal,
} from '@voxnorm/data'
import { readVolumeFile } from '@voxnorm/data/node'
import {
  assess,
  collectIntensities,
  type Log,
  predictSubject,
  type SubjectIntensities,
  type SubjectPrediction,
  scoreSegmentation,
  warnOfFiles,
} from '@voxnorm/pipeline'
import type { BeforeAfterCounts, MeasuredSubject, Plane } from './records.ts'
import type { TrainedModel } from './trained-model.ts'

const TISSUE_BINS = 64
/** What the authors' script used for the divergence of Table 4. */
const WHOLE_BINS = 256
/** Share of the brain's height at which planes are shown. */
const PLANE_AT = 0.5

/** A measured subject, with the intensities that the comparison of sites needs of all of them at once. */
export interface MeasuredVolume {
  readonly measured: MeasuredSubject
  readonly intensities: SubjectIntensities
}

/** Predicts a test subject, and compares labels and intensities on the grid of its files (docs/method.md#measures). */
export async function measureVolume(
  model: TrainedModel,
  subject: AssignedSubject,
  maskFrom: MaskFrom,
  log: Log,
): Promise<MeasuredVolume> {
  const { images, mask, label, reference } = await readSubject(subject, model)
  warnOfFiles(log, headerWarnings({ images, label, ...(mask && { mask }) }))
  const { scaling, voxelSize, standardScale } = model.config
  const prediction = await predictSubject(
    subject.id,
    images,
    mask,
    { grid: 'model', scaling, maskFrom, voxelSize, ...(standardScale && { standardScale }) },
    (prepared) => {
      warnOfFiles(log, prepared.warnings)
      return model.predict(prepared)
    },
  )
  const { volume } = images[0]!
  const brain = findBrain(images[0]!, mask, maskFrom).mask
  const raw = scaleIntensities(moveToZero(volume, brain).data, brain, 'max', { file: images[0]!.file })
  const normalized = prediction.normalized[0]!.data
  const files = { predictionFile: subject.label!, referenceFile: subject.label! }
  const { rows } = scoreSegmentation(
    { id: subject.id, site: subject.site, ...files },
    prediction.labels,
    reference,
  )
  // Without a generator there is no image that could be doubted.
  const assessment =
    model.normalizes &&
    assess(prediction.prepared, prediction.output, {
      modalities: model.config.modalities,
      windows: model.windows,
      normalized: model.normalizes,
      ...(model.intensityReference && { intensityReference: model.intensityReference }),
    })
  const both = (count: (values: Float32Array) => Float64Array): BeforeAfterCounts => ({
    raw: Array.from(count(raw)),
    normalized: Array.from(count(normalized)),
  })
  const tissueCounts = (label: number) => {
    const inside = reference.data.map((value, voxel) => (value === label && brain[voxel]! > 0 ? 1 : 0))
    return both((values) => intensityHistogram(values, { bins: TISSUE_BINS, range: [0, 1], mask: inside }))
  }
  const tissues = Object.fromEntries(
    TISSUES.map((tissue, index) => [tissue, tissueCounts(index + 1)]),
  ) as Record<Tissue, BeforeAfterCounts>
  return {
    measured: {
      participant: subject.id,
      site: subject.site,
      scores: rows,
      tissues,
      whole: both((values) => intensityHistogram(values, { bins: WHOLE_BINS, range: [0, 1] })),
      trust: assessment ? assessment.trust : undefined,
      calibration: calibration(interleaved(prediction), reference.data, brain),
      plane: {
        reference: axialPlane(reference.data, brain, reference.shape),
        prediction: axialPlane(prediction.labels.data, brain, reference.shape),
      },
    },
    intensities: collectIntensities(subject.site, raw, normalized, brain, reference.data),
  }
}

/** The files of a subject as stored; the label in internal classes. */
async function readSubject(subject: AssignedSubject, { config }: TrainedModel) {
  const read = async (file: string): Promise<NamedVolume> => ({ file, volume: await readVolumeFile(file) })
  const images: NamedVolume[] = []
  for (const modality of config.modalities) images.push(await read(subject.images[modality]!))
  const mask = subject.mask === undefined ? undefined : await read(subject.mask)
  const label = await read(subject.label!)
  assertSameGrid(images[0]!.volume, label.volume, images[0]!.file, label.file)
  const convention = labelConvention(subject.labels ?? 'bids')
  const reference: LabelVolume = {
    ...label.volume,
    data: toInternal(label.volume.data, convention, path.basename(label.file)),
  }
  return { images, mask, label, reference }
}

/** Probabilities of all classes voxel by voxel, as {@link calibration} takes them. */
function interleaved({ probabilities }: SubjectPrediction): Float32Array {
  const classes = probabilities.length
  const values = new Float32Array(probabilities[0]!.data.length * classes)
  for (const [label, { data }] of probabilities.entries()) {
    for (let voxel = 0; voxel < data.length; voxel++) values[voxel * classes + label] = data[voxel]!
  }
  return values
}

/** The axial plane in the middle of the brain, cropped to it, front up; the third axis is taken for the axial one. */
export function axialPlane(values: ArrayLike<number>, mask: ArrayLike<number>, shape: Shape3): Plane {
  const box = boundingBox(shape, (voxel) => mask[voxel]! > 0)
  // Preparing a subject with an empty mask has thrown before.
  if (box === undefined) throw new RangeError('an empty brain has no plane')
  const { low, high } = box
  const [nx, ny] = shape
  const z = Math.round(low[2] + PLANE_AT * (high[2] - low[2]))
  const plane: number[] = []
  for (let y = high[1]; y >= low[1]; y--) {
    for (let x = low[0]; x <= high[0]; x++) plane.push(values[x + nx * (y + ny * z)]!)
  }
  return { width: high[0] - low[0] + 1, height: high[1] - low[1] + 1, values: plane }
}
