import {
  fitIntensityReference,
  type IntensityReference,
  imageAxes,
  intensityDistance,
  intensityFeatures,
  type PreparedSubject,
  preservation,
  seamIndex,
  segmentClassically,
  tissueDice,
  voxelSizes,
  windowBorders,
} from '@voxnorm/data'
import type { PredictedVolume, Windows } from '@voxnorm/models'
import { channelOf } from './predict-subject.ts'

/** One number for each tissue. */
export interface PerTissue {
  readonly CSF: number
  readonly GM: number
  readonly WM: number
}

/** How far the anatomy of a scan is kept in its normalised image: of the modality that keeps it worst. */
export interface Structure {
  readonly modality: string
  /** Share of the brain whose detail the input explains; 1 is all of it. */
  readonly structureIndex: number
  readonly ssim: number
  readonly gradientCorrelation: number
  readonly edgeF1: number
  /** Steps at the borders of the windows, relative to those that the input has there; 1 is seamless. */
  readonly seamIndex: number
}

/** How unlike the training scans a scan is. */
export interface Likeness {
  /** Mahalanobis distance of the intensities from the training scans. */
  readonly distance: number
  /** Share of the training scans that are nearer to the others than this one, in %. */
  readonly percentile: number
  readonly nearestSite: string
}

/** What a prediction says about itself without reference labels. */
export interface Trust {
  /** Absent without a generator: then there is no image whose structure could be judged. */
  readonly structure?: Structure
  /** What an independent classical segmenter finds. */
  readonly classical: {
    /** Dice between its tissues in the input and in the normalised image, and change of their volumes in %. */
    readonly dice?: PerTissue
    readonly volumeChange?: PerTissue
    /** How much larger the network's tissues are than its, in %. */
    readonly segmenterVolumes: PerTissue
  }
  /** Absent for models that do not know what their training scans look like. */
  readonly likeness?: Likeness
}

/** A {@link Trust} with the places that it speaks of, on the networks' grid and of the first modality. */
export interface Assessment {
  readonly trust: Trust
  /** What the input does not explain in the normalised image, in its unit. */
  readonly residual?: Float32Array
  /** Non-zero where that makes up a cluster. */
  readonly changed?: Uint8Array
}

/** What an assessment needs besides the images. */
export interface AssessmentFacts {
  readonly modalities: readonly string[]
  readonly windows: Windows
  /** Whether a generator made the output. */
  readonly normalized: boolean
  readonly intensityReference?: IntensityReference
}

/** Judges a prediction by its own images (docs/trust-measures.md), within the subject's mask. */
export function assess(
  prepared: PreparedSubject,
  output: PredictedVolume,
  facts: AssessmentFacts,
): Assessment {
  const { mask, channels } = prepared
  const shape = imageAxes(prepared.shape)
  const { labels } = output
  const input = channelOf(prepared.image, channels, 0)
  const likeness = facts.intensityReference && {
    likeness: intensityDistance(facts.intensityReference, scanFeatures(prepared)),
  }
  const classicalBefore = segmentClassically(input, mask, shape, labels)
  if (!facts.normalized) {
    const segmenterVolumes = volumeChange(classicalBefore, labels)
    return { trust: { classical: { segmenterVolumes }, ...likeness } }
  }
  const borders = windowBorders(shape, facts.windows.window, facts.windows.stride)
  const judged = facts.modalities.map((modality, channel) => {
    const before = channelOf(prepared.image, channels, channel)
    const after = channelOf(output.normalized, channels, channel)
    const { residual, changed, ...kept } = preservation(
      before,
      after,
      mask,
      shape,
      voxelSizes(prepared.affine),
      labels,
    )
    // Anatomy steps at these planes, too; what the input does there cancels it.
    const seams = seamIndex(after, mask, shape, borders) / seamIndex(before, mask, shape, borders)
    return { structure: { modality, ...kept, seamIndex: seams }, residual, changed, after }
  })
  const worst = judged.reduce((least, one) =>
    one.structure.structureIndex < least.structure.structureIndex ? one : least,
  )
  const { after, residual, changed } = judged[0]!
  // Named by the tissues before: names by the network's labels would compare its mistakes.
  const classicalAfter = segmentClassically(after, mask, shape, classicalBefore)
  const { CSF, GM, WM } = tissueDice(classicalAfter, classicalBefore)
  return {
    trust: {
      structure: worst.structure,
      classical: {
        dice: { CSF, GM, WM },
        volumeChange: volumeChange(classicalBefore, classicalAfter),
        segmenterVolumes: volumeChange(classicalAfter, labels),
      },
      ...likeness,
    },
    residual,
    changed,
  }
}

/** What a model remembers of its training scans; undefined for too few of them to tell what is unusual. */
export function intensityReferenceOf(subjects: readonly PreparedSubject[]): IntensityReference | undefined {
  if (subjects.length < FEWEST_SCANS) return undefined
  return fitIntensityReference(
    subjects.map(scanFeatures),
    subjects.map(({ site }) => site),
  )
}

const FEWEST_SCANS = 4

/** The features of all modalities, one after the other. */
function scanFeatures({ image, channels, mask }: PreparedSubject): number[] {
  return Array.from({ length: channels }, (_, channel) =>
    intensityFeatures(channelOf(image, channels, channel), mask),
  ).flat()
}

function volumeChange(before: Uint8Array, after: Uint8Array): PerTissue {
  const count = (labels: Uint8Array) => {
    const counts = [0, 0, 0, 0]
    for (const label of labels) counts[label]!++
    return counts
  }
  const [from, to] = [count(before), count(after)]
  // A tissue that is missing in both did not change; one that appears grew by no finite share.
  const change = (label: number) =>
    from[label] === to[label] ? 0 : (100 * (to[label]! - from[label]!)) / from[label]!
  return { CSF: change(1), GM: change(2), WM: change(3) }
}
