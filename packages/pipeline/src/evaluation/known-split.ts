import type { Split } from '@voxnorm/data'

/** A sentence when scored subjects are known to the model; undefined when none is. */
export function familiarity(splits: readonly string[]): string | undefined {
  const count = (split: Split) => splits.filter((one) => one === split).length
  const trained = count('train')
  const validated = count('validation')
  if (trained + validated === 0) return undefined
  const parts = [
    ...(trained > 0 ? [`${trained} ${trained === 1 ? 'was' : 'were'} in training`] : []),
    ...(validated > 0 ? [`${validated} validated it`] : []),
  ]
  return `Of the ${splits.length} scored subjects, ${parts.join(' and ')}: the model knows them, and their scores flatter it (column split).`
}
