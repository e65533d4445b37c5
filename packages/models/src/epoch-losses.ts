/** Sums of the values of an epoch's steps and how many there were, by name. Plain data, part of every checkpoint. */
export type EpochLosses = Readonly<Record<string, readonly [sum: number, count: number]>>

/** The sums with one more step. */
export function addLosses(losses: EpochLosses, values: Readonly<Record<string, number>>): EpochLosses {
  const added = Object.entries(values).map(([name, value]) => {
    const [sum, count] = losses[name] ?? [0, 0]
    return [name, [sum + value, count + 1]] as const
  })
  return { ...losses, ...Object.fromEntries(added) }
}

/** The mean of each value over the steps that had it. */
export function meanLosses(losses: EpochLosses): Record<string, number> {
  return Object.fromEntries(Object.entries(losses).map(([name, [sum, count]]) => [name, sum / count]))
}
