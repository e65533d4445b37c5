import { STRUCTURE_LIMIT } from '@voxnorm/data'

/** Says what the closeness of sites is worth when the structure of so many normalised images is not kept. */
export function changedSentence(count: number): string {
  return `In ${count} of the normalised images the structure is not kept (structure index below ${STRUCTURE_LIMIT}): that sites come closer there is no success.`
}
