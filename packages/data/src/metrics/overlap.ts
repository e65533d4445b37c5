import { CLASSES } from '../image/volume.ts'
import { type ConfusionMatrix, confusionMatrix } from './confusion.ts'

/** Dice coefficients of the three tissues and their arithmetic mean. */
export interface TissueDice {
  readonly CSF: number
  readonly GM: number
  readonly WM: number
  readonly mean: number
}

/**
 * Dice coefficient of every class of a confusion matrix, 2 TP / (2 TP + FP + FN) (Eq. 4).
 *
 * A class absent from both maps scores 1, a class absent from one of them 0.
 */
export function diceOfMatrix(matrix: ConfusionMatrix): number[] {
  return matrix.counts.map((row, c) => {
    const reference = row.reduce((sum, count) => sum + count, 0)
    const prediction = matrix.counts.reduce((sum, other) => sum + other[c]!, 0)
    return reference + prediction === 0 ? 1 : (2 * row[c]!) / (reference + prediction)
  })
}

/**
 * Dice of CSF, GM and WM between two maps of internal classes, and their mean.
 *
 * Computed on whole label maps, so background never enters the mean. Throws DataError for maps of
 * different length or with labels outside 0 .. 3.
 */
export function tissueDice(prediction: ArrayLike<number>, reference: ArrayLike<number>): TissueDice {
  const dice = diceOfMatrix(confusionMatrix(reference, prediction, CLASSES.length))
  const CSF = dice[1]!
  const GM = dice[2]!
  const WM = dice[3]!
  return { CSF, GM, WM, mean: (CSF + GM + WM) / 3 }
}
