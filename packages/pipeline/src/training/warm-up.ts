import type { MetricsLine } from './run-records.ts'

const MEANING =
  'the generator has learnt to give back its input and the segmenter to work without it, so nothing is normalised'

/**
 * What has to be known of a model whose weights are from the warm-up of its training; undefined for any other.
 *
 * `metrics` are the lines of the whole run, `chosen` is the iteration of the weights where a validation chose them.
 */
export function warmUpNotice(
  metrics: readonly MetricsLine[],
  chosen: number | undefined,
): string | undefined {
  const steps = metrics.filter(({ kind }) => kind === 'step')
  // Nothing but a step of the warm-up has this loss.
  const warm = steps.findLast((step) => typeof step['loss.identity'] === 'number')
  if (warm === undefined) return undefined
  if (warm === steps.at(-1)) {
    return `The training ended after ${warm.iteration} iterations, within its warm-up: ${MEANING}. Train longer, or set a smaller train.warmup.`
  }
  if (chosen === undefined || chosen > warm.iteration) return undefined
  return `The weights with the best Dice are from iteration ${chosen}, within the warm-up of ${warm.iteration} iterations: ${MEANING}. Train longer.`
}
