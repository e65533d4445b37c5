import type { Feeds, Tensor } from '@voxnorm/tensor'
import { inputNames } from '../../packages/models/src/gradient-step.ts'

/** Those values that graphs have an input for: a plan takes no others. */
export function feedsOf(graphs: readonly Tensor[], values: Feeds): Feeds {
  const wanted = inputNames(graphs)
  return Object.fromEntries(Object.entries(values).filter(([name]) => wanted.has(name)))
}
