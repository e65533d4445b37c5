import {
  add,
  affine,
  classSums,
  constant,
  div,
  f32,
  log,
  logSumExp,
  mean,
  mul,
  negate,
  oneHot,
  reshape,
  sliceChannels,
  sub,
  sum,
  type Tensor,
} from '@voxnorm/tensor'
import type { DiceLoss } from './config.ts'

/** Added to both sides of the Dice ratio. */
const EPSILON = 1e-5
/** Keeps the ratio of a class that occurs nowhere from being 0 / 0. */
const TINY = 1e-15

/**
 * Eq. (1) of the paper: one minus a single ratio over all classes, weighted inside its sums, per sample; averaged over
 * the samples. `probabilities [N,…,C]`, `labels [N,…]` of dtype u32.
 */
export function weightedDice(probabilities: Tensor, labels: Tensor, weights: readonly number[]): Tensor {
  const { overlap, size } = overlapAndSize(probabilities, labels)
  const w = constant(f32(weights.length), weights)
  const total = (perClass: Tensor): Tensor => sum(mul(perClass, w), [1])
  const ratio = div(affine(total(overlap), 2, EPSILON), affine(total(size), 1, EPSILON))
  return affine(mean(ratio), -1, 1)
}

/**
 * The loss that the authors' code minimizes (docs/method.md#segmentation-loss): per class over the whole batch, its
 * weight on the intersection only, averaged over the classes. Its minimum is one minus a quarter of the sum of the
 * weights.
 */
export function dicePerClass(probabilities: Tensor, labels: Tensor, weights: readonly number[]): Tensor {
  const { overlap, size } = overlapAndSize(probabilities, labels)
  const w = constant(f32(weights.length), weights)
  const dice = div(mul(sum(overlap, [0]), affine(w, 2, 0)), affine(sum(size, [0]), 1, TINY))
  return affine(mean(dice), -1, 1)
}

/** Share of the cross-entropy in {@link diceWithEntropy}. */
const ENTROPY_SHARE = 0.5

/**
 * The weighted mean over the classes of 1 − 2·Dice ratio of the whole batch, plus half the mean cross-entropy of the
 * voxels: it goes on pulling where a class is found nowhere yet. The weights are taken to add up to 1.
 */
export function diceWithEntropy(probabilities: Tensor, labels: Tensor, weights: readonly number[]): Tensor {
  const { overlap, size } = overlapAndSize(probabilities, labels)
  const total = weights.reduce((all, weight) => all + weight, 0)
  const w = constant(
    f32(weights.length),
    weights.map((weight) => weight / total),
  )
  const ratios = div(affine(sum(overlap, [0]), 2, 0), affine(sum(size, [0]), 1, EPSILON))
  const classes = probabilities.shape.at(-1)!
  const truth = sum(mul(probabilities, oneHot(labels, classes)), [probabilities.shape.length - 1])
  const entropy = negate(mean(log(affine(truth, 1, LEAST_PROBABILITY))))
  return add(affine(sum(mul(ratios, w)), -1, 1), affine(entropy, ENTROPY_SHARE, 0))
}

/** Keeps the logarithm of a probability finite. */
const LEAST_PROBABILITY = 1e-7

/**
 * The number that {@link weightedDice} or {@link dicePerClass} gives, from sums that are on the host already:
 * `patches[n][c]` has Σ s·y and Σ s + Σ y. So a validation can leave out the repetitions that fill up its last batch.
 */
export function diceLossOfSums(
  patches: readonly (readonly { readonly overlap: number; readonly size: number }[])[],
  kind: DiceLoss | undefined,
  weights: readonly number[],
): number {
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
  const ratios =
    kind === 'per-class-code'
      ? weights.map((weight, c) => {
          const overlap = total(patches.map((classes) => classes[c]!.overlap))
          return (2 * weight * overlap) / (total(patches.map((classes) => classes[c]!.size)) + TINY)
        })
      : patches.map((classes) => {
          const overlap = total(classes.map((sums, c) => weights[c]! * sums.overlap))
          return (
            (2 * overlap + EPSILON) / (total(classes.map((sums, c) => weights[c]! * sums.size)) + EPSILON)
          )
        })
  return 1 - total(ratios) / ratios.length
}

/** `[N, C]` each: Σ s·y, and Σ s + Σ y. */
function overlapAndSize(probabilities: Tensor, labels: Tensor): { overlap: Tensor; size: Tensor } {
  const classes = probabilities.shape.at(-1)!
  const column = (sums: Tensor, index: number): Tensor =>
    reshape(sliceChannels(sums, index, 1), [probabilities.shape[0]!, classes])
  const sums = classSums(probabilities, labels)
  const reference = classSums(oneHot(labels, classes), labels)
  return { overlap: column(sums, 0), size: add(column(sums, 1), column(reference, 1)) }
}

/** Mean over the rows of −log of the target's probability. `logits [N, C]`, `targets [N]` of dtype u32. */
export const crossEntropy = (logits: Tensor, targets: Tensor): Tensor =>
  negate(mean(maskedLogProbability(logits, maskAllBut(targets, logits.shape[1]!))))

/** Cross-entropy against one class for all rows, numbered `target`. */
export const crossEntropyOf = (logits: Tensor, target: number): Tensor =>
  negate(
    mean(
      maskedLogProbability(
        logits,
        classMask(logits, (index) => index === target),
      ),
    ),
  )

/**
 * Cross-entropy of generated patches against the site that they were generated from: `logits [N, 2K]`, `sites [N]`
 * (u32), class K + z being what was generated from site z.
 */
export function crossEntropyOfGenerated(logits: Tensor, sites: Tensor): Tensor {
  const count = logits.shape[1]! / 2
  const own = add(sliceChannels(logits, count, count), maskAllBut(sites, count))
  return negate(mean(sub(logSumExp(own), logSumExp(logits))))
}

/** Enough to make any logit's exponential zero, and far from the largest float. */
export const EXCLUDED = 1e30

/** `[N]`: log of the summed probability of the classes whose mask is 0; the others' is −EXCLUDED. */
export const maskedLogProbability = (logits: Tensor, mask: Tensor): Tensor =>
  sub(logSumExp(add(logits, mask)), logSumExp(logits))

const maskAllBut = (targets: Tensor, classes: number): Tensor =>
  affine(oneHot(targets, classes), EXCLUDED, -EXCLUDED)

/** A mask of the classes: 0 for those that are included. */
export function classMask(logits: Tensor, included: (index: number) => boolean): Tensor {
  const classes = logits.shape[1]!
  const values = Array.from({ length: classes }, (_, index) => (included(index) ? 0 : -EXCLUDED))
  return constant(f32(classes), values)
}
