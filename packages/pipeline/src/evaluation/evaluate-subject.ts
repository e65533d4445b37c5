import {
  assertSameGrid,
  assertUsableImage,
  type LabelSpecification,
  type LabelVolume,
  labelConvention,
  type MaskFrom,
  missingFile,
  moveToZero,
  type PartlyLabelled,
  type Split,
  type Subject,
  scaleIntensities,
  toInternalOrIgnored,
} from '@voxnorm/data'
import type { Judge } from '../failures.ts'
import { readImage } from '../images.ts'
import type { Log } from '../log.ts'
import type { Source } from '../storage.ts'
import { collectIntensities, type SubjectIntensities } from './harmonization.ts'
import type { UnexplainedSide } from './label-order.ts'
import { brainOf, toldImage } from './scan.ts'
import { type SubjectScore, scoreSegmentation } from './segmentation.ts'

/** The files that `predict` wrote for a subject. */
export interface Prediction {
  readonly subject: Subject
  /** The input image: the first modality of which there is a prediction. */
  readonly image: string
  readonly segmentation: string
  readonly normalized?: string
}

/** What is known of a segmentation besides its voxels. */
export interface SegmentationFacts {
  /** Its label convention; undefined where nothing says it. */
  readonly labels: LabelSpecification | undefined
  /** What the subject was to the model; `n/a` where nobody says it. */
  readonly split: Split | 'n/a'
}

/** How {@link evaluateSubject} works. */
export interface SubjectEvaluation {
  readonly source: Source
  readonly factsOf: (prediction: Prediction) => SegmentationFacts
  /** How to find the brain without a mask file. */
  readonly maskFrom: MaskFrom
  readonly log: Log
  readonly judge: Judge
}

/** What came out for one subject. */
export interface Evaluated {
  readonly score?: SubjectScore
  readonly split: string
  /** Labels that were read as bids because nothing says what they mean. */
  readonly unexplained?: UnexplainedSide
  readonly intensities?: SubjectIntensities
}

/** Scores the segmentation of a subject, and takes its intensities before and after. Throws DataError for bad files. */
export async function evaluateSubject(
  prediction: Prediction,
  { source, factsOf, maskFrom, log, judge }: SubjectEvaluation,
): Promise<Evaluated> {
  const readLabels = (file: string, convention: LabelSpecification) => labelsIn(source, file, convention, log)
  const read = async (file: string) => toldImage(await readImage(source, file), log)
  const { subject, segmentation, normalized, image } = prediction
  const missing = missingFile(subject, [image, subject.label, subject.mask])
  if (missing !== undefined) throw missing
  const { labels: stated, split } = factsOf(prediction)
  const predicted = await readLabels(segmentation, stated ?? 'bids')
  const reference =
    subject.label === undefined ? undefined : await readLabels(subject.label, subject.labels ?? 'bids')
  if (reference !== undefined) assertSameGrid(reference, predicted, subject.label!, segmentation)
  const score =
    reference === undefined
      ? undefined
      : scoreSegmentation(
          { id: subject.id, site: subject.site, predictionFile: segmentation, referenceFile: subject.label! },
          predicted,
          reference,
          reference.ignored,
        )
  const side: UnexplainedSide | undefined =
    subject.labels === undefined ? 'reference' : stated === undefined ? 'prediction' : undefined
  const scored = {
    split,
    ...(score === undefined ? {} : { score }),
    ...(side === undefined ? {} : { unexplained: side }),
  }
  if (normalized === undefined) return scored
  const { volume: before } = await read(image)
  const { volume: after } = await read(normalized)
  assertSameGrid(before, after, image, normalized)
  assertSameGrid(before, predicted, image, segmentation)
  assertUsableImage(before, image)
  const maskFile = subject.mask === undefined ? undefined : await read(subject.mask)
  if (maskFile !== undefined) assertSameGrid(before, maskFile.volume, image, maskFile.file)
  const mask = brainOf({ file: image, volume: before }, maskFile, maskFrom, { log, judge })
  // Labels are scored without it; only how alike the sites became stays unknown.
  if (mask === undefined) return scored
  const labels = reference ?? predicted
  const scaled = scaleIntensities(moveToZero(before, mask).data, mask, 'max', { file: image })
  const intensities = collectIntensities(subject.site, scaled, after.data, mask, labels.data)
  return { ...scored, intensities }
}

/** A label map in internal classes, with the voxels that its convention says to ignore. */
type ScoredLabels = LabelVolume & Pick<PartlyLabelled, 'ignored'>

async function labelsIn(
  source: Source,
  file: string,
  convention: LabelSpecification,
  log: Log,
): Promise<ScoredLabels> {
  const { data, ...volume } = toldImage(await readImage(source, file), log).volume
  const { classes, ignored } = toInternalOrIgnored(data, labelConvention(convention), file)
  return { ...volume, data: classes, ...(ignored === undefined ? {} : { ignored }) }
}
