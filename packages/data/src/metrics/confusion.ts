import { DataError } from '../errors.ts'

/** Counts of (actual, predicted) pairs: `counts[actual][predicted]`. */
export interface ConfusionMatrix {
  readonly classes: number
  /** Number of samples counted. */
  readonly total: number
  readonly counts: readonly (readonly number[])[]
}

/**
 * Counts how often each actual class was predicted as each class; rows are actual, columns predicted.
 *
 * Throws DataError when the lists differ in length or hold a number outside 0 .. classes - 1.
 */
export function confusionMatrix(
  actual: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
): ConfusionMatrix {
  if (actual.length !== predicted.length) {
    throw new DataError(
      `Confusion matrix: ${actual.length} actual but ${predicted.length} predicted classes.`,
      {
        fix: 'compare two label maps of the same grid',
      },
    )
  }
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  for (let i = 0; i < actual.length; i++) {
    const a = actual[i]!
    const p = predicted[i]!
    const row = counts[a]
    if (row?.[p] === undefined) {
      throw new DataError(
        `Confusion matrix: class pair (${a}, ${p}) at position ${i} is outside 0..${classes - 1}.`,
        {
          fix: 'convert the label maps to internal classes first',
        },
      )
    }
    row[p] = row[p]! + 1
  }
  return { classes, total: actual.length, counts }
}

/**
 * The matrix divided by the total number of samples, the form of the paper's Fig. 9 (all cells sum to 1).
 * Every cell is NaN when nothing was counted.
 */
export function confusionFractions(matrix: ConfusionMatrix): number[][] {
  return matrix.counts.map((row) => row.map((count) => count / matrix.total))
}

/** Share of samples on the diagonal, 0 to 1; times 100 it is the accuracy of the paper's Table 7. */
export function accuracy(matrix: ConfusionMatrix): number {
  let correct = 0
  for (let c = 0; c < matrix.classes; c++) correct += matrix.counts[c]![c]!
  return correct / matrix.total
}

/** From this share of one answer on, a classifier counts as collapsed. */
const COLLAPSED_SHARE = 0.95

/**
 * The class that a collapsed classifier answers with whatever it is shown, and for which share of the samples. Undefined
 * for one that gives more than one answer, or when nothing was counted.
 *
 * `fractions` are those of {@link confusionFractions}, of samples that are not nearly all of one class themselves: an
 * accuracy that looks like knowledge is then no more than the share of that class.
 */
export function collapsedAnswer(
  fractions: readonly (readonly number[])[],
): { readonly predicted: number; readonly share: number } | undefined {
  const shares = fractions.map((_, predicted) => fractions.reduce((sum, row) => sum + row[predicted]!, 0))
  const predicted = shares.findIndex((share) => share >= COLLAPSED_SHARE)
  return predicted < 0 ? undefined : { predicted, share: shares[predicted]! }
}
