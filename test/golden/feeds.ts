import { type Feeds, inputNames, type Tensor } from '@voxnorm/tensor'

/** Those values that graphs have an input for: a plan takes no others. */
export function feedsOf(graphs: readonly Tensor[], values: Feeds): Feeds {
  const wanted = inputNames(graphs)
  return Object.fromEntries(Object.entries(values).filter(([name]) => wanted.has(name)))
}
