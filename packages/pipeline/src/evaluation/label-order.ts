import {
  CLASSES,
  type ConfusionMatrix,
  DataError,
  diceOfMatrix,
  LABEL_CONVENTIONS,
  labelConvention,
  TISSUES,
} from '@voxnorm/data'
import type { Log } from '../log.ts'

/** Of which labels nothing says what their numbers mean. */
export type UnexplainedSide = 'reference' | 'prediction'

/** All orders of the internal classes of the three tissues, the one that changes nothing first. */
const ORDERS = [
  [1, 2, 3],
  [1, 3, 2],
  [2, 1, 3],
  [2, 3, 1],
  [3, 1, 2],
  [3, 2, 1],
] as const
type Order = (typeof ORDERS)[number]

/**
 * Another order fits clearly better from this gain in mean Dice on, and only where it then fits at all: of a segmentation
 * that is no good in any order, the best order says nothing about numbers.
 */
const CLEAR_GAIN = 0.1
const FITTING_DICE = 0.5

/** How a user decides what the numbers of a side mean: `meaning` is the name of a convention, or a map in quotes. */
export type HowToDecide = (side: UnexplainedSide, meaning: string) => string

/** What {@link checkLabelOrder} has to know besides the labels. */
export interface LabelOrderOptions {
  /** Where the labels are, for messages. */
  readonly place: string
  /** Whether the user has said what the labels of the other side mean. */
  readonly decided: boolean
  readonly howToDecide: HowToDecide
  readonly log: Log
}

/**
 * Asks whether labels of which nothing says what their numbers mean, and which were read as bids, would fit the other side
 * better with their tissues exchanged.
 *
 * `matrices` of the subjects, whose rows are the reference, are taken together. Throws DataError when another order fits
 * clearly better, and warns when it fits only a little better or badly, or when the user has `decided` about the other side.
 */
export function checkLabelOrder(
  matrices: readonly ConfusionMatrix[],
  side: UnexplainedSide,
  { place, decided, howToDecide, log }: LabelOrderOptions,
): void {
  if (matrices.length === 0) return
  const total = CLASSES.map((_, actual) =>
    CLASSES.map((_, predicted) => matrices.reduce((sum, { counts }) => sum + counts[actual]![predicted]!, 0)),
  )
  const dice = ORDERS.map((order) => meanDice(side === 'reference' ? total : transpose(total), order))
  const best = dice.indexOf(Math.max(...dice))
  const gain = dice[best]! - dice[0]!
  if (best === 0) return
  const { text, word } = numbersOf(ORDERS[best]!)
  const sentence = `nothing says what the numbers of the ${side} mean: read as bids (GM 1, WM 2, CSF 3) the mean Dice is ${dice[0]!.toFixed(2)}, read as ${text} it would be ${dice[best]!.toFixed(2)}.`
  const fix = howToDecide(side, word)
  const clear = gain >= CLEAR_GAIN && dice[best]! >= FITTING_DICE
  if (clear && !decided) throw new DataError(sentence, { file: place, fix })
  log.warning('labels', `${place}: ${sentence} They are read as bids; ${fix}.`)
}

/** Mean Dice of the tissues when class `row` of the side in the rows is really class `order[row - 1]`. */
function meanDice(counts: readonly (readonly number[])[], order: Order): number {
  const moved = counts.map((row) => row)
  order.forEach((tissue, index) => {
    moved[tissue] = counts[index + 1]!
  })
  const dice = diceOfMatrix({ classes: CLASSES.length, total: 0, counts: moved })
  return (dice[1]! + dice[2]! + dice[3]!) / 3
}

function transpose(counts: readonly (readonly number[])[]): number[][] {
  return counts.map((_, column) => counts.map((row) => row[column]!))
}

/** What the numbers of bids would mean, with the names of the conventions that say so, and the shortest way to say so. */
function numbersOf(order: Order): { readonly text: string; readonly word: string } {
  const { written } = labelConvention('bids')
  const numbers = new Map(order.map((tissue, index) => [tissue as number, written[index + 1]!]))
  const map = `{${TISSUES.map((tissue) => `${tissue}: ${numbers.get(CLASSES.indexOf(tissue))}`).join(', ')}}`
  const names = LABEL_CONVENTIONS.filter((name) => {
    const convention = labelConvention(name)
    return TISSUES.every((tissue) => {
      const label = CLASSES.indexOf(tissue)
      return convention.classOf.get(numbers.get(label)!) === label && convention.classOf.size === 4
    })
  })
  return { text: names.length === 0 ? map : `${map} (${names.join(', ')})`, word: names[0] ?? `"${map}"` }
}
