import { collapsedAnswer } from '@voxnorm/data'

/** A discriminator that gives one answer to everything. */
export interface Collapse {
  /** What it takes every patch for: `generated ones`, or `patches of SITE`. */
  readonly takenFor: string
  /** Share of the patches that it takes for that. */
  readonly share: number
  readonly accuracy: number
}

/**
 * Undefined for a discriminator that tells patches apart. `names` are its classes, "generated" the last; `fractions` has
 * rows for what a patch is and columns for what it is taken for, all cells adding up to 1.
 */
export function collapseOf(
  names: readonly string[],
  fractions: readonly (readonly number[])[],
): Collapse | undefined {
  const found = collapsedAnswer(fractions)
  if (found === undefined) return undefined
  const takenFor =
    found.predicted === names.length - 1 ? 'generated ones' : `patches of ${names[found.predicted]}`
  const accuracy = fractions.reduce((sum, row, index) => sum + row[index]!, 0)
  return { takenFor, share: found.share, accuracy }
}

/** Says so; `patches` are those that were judged, for example `validation patches`. */
export function collapseSentence({ takenFor, share, accuracy }: Collapse, patches: string): string {
  return (
    `The discriminator has collapsed: it takes ${percent(share)} of the ${patches} for ${takenFor}, whatever they are. ` +
    `Its accuracy of ${percent(accuracy)} is what this one answer gives, and says nothing about the sites.`
  )
}

const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`
