import { DataError } from '../errors.ts'
import { CLASSES } from '../image/volume.ts'

/** Voxels whose confidence falls into one interval. */
export interface ConfidenceBin {
  /** Mean probability of the predicted class; NaN when the bin is empty. */
  readonly confidence: number
  /** Share of the bin's voxels whose predicted class is right; NaN when the bin is empty. */
  readonly accuracy: number
  /** Share of all voxels that fall into the bin. */
  readonly share: number
}

/** Whether probabilities mean what they say. */
export interface Calibration {
  /** Expected calibration error, 0 to 1: the mean over the bins, weighted by share, of |accuracy - confidence|. */
  readonly ece: number
  /** Mean over voxels of the squared distance between probabilities and the one-hot label, 0 to 2 (Brier 1950). */
  readonly brier: number
  /** From confidence 0 to 1 in equal steps. */
  readonly bins: readonly ConfidenceBin[]
}

/**
 * Compares predicted probabilities [V, 4] with labels (internal classes) in the voxels of the mask.
 *
 * The confidence of a voxel is the probability of its most likely class, of which the first counts in a tie (Guo et al.
 * 2017). All numbers are NaN for an empty mask. Throws DataError when sizes differ.
 */
export function calibration(
  probabilities: Float32Array,
  labels: Uint8Array,
  mask: Uint8Array,
  bins = 15,
): Calibration {
  const classes = CLASSES.length
  if (labels.length !== mask.length || probabilities.length !== classes * mask.length) {
    throw new DataError(
      `Calibration: ${probabilities.length} probabilities do not fit ${labels.length} labels and ${mask.length} mask voxels.`,
    )
  }
  const counts = new Float64Array(bins)
  const confidences = new Float64Array(bins)
  const correct = new Float64Array(bins)
  let total = 0
  let squares = 0
  for (let voxel = 0; voxel < mask.length; voxel++) {
    if (!mask[voxel]) continue
    const at = classes * voxel
    let predicted = 0
    for (let c = 0; c < classes; c++) {
      if (probabilities[at + c]! > probabilities[at + predicted]!) predicted = c
      squares += (probabilities[at + c]! - (labels[voxel] === c ? 1 : 0)) ** 2
    }
    const confidence = probabilities[at + predicted]!
    const bin = Math.min(bins - 1, Math.floor(confidence * bins))
    counts[bin]!++
    confidences[bin]! += confidence
    if (labels[voxel] === predicted) correct[bin]!++
    total++
  }
  let error = 0
  for (let bin = 0; bin < bins; bin++) error += Math.abs(correct[bin]! - confidences[bin]!)
  return {
    ece: error / total,
    brier: squares / total,
    bins: Array.from(counts, (count, bin) => ({
      confidence: confidences[bin]! / count,
      accuracy: correct[bin]! / count,
      share: count / total,
    })),
  }
}
