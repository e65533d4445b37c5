import type { TissueClass } from './labels.ts'

const WORDS = [
  ['BG', /^(bg|background)$/i],
  ['CSF', /^(csf|cerebro-?spinal[ _-]?fluid)$/i],
  ['GM', /^(gm|gr[ae]y([ _-]?matter)?)$/i],
  ['WM', /^(wm|white([ _-]?matter)?)$/i],
] as const satisfies readonly (readonly [TissueClass, RegExp])[]

/**
 * The class that a name in a label table means; undefined for every other name.
 *
 * Only names of a whole tissue are known: "cortical gray matter" leaves out the basal ganglia, so that a table that has it
 * does not say what becomes of these.
 */
export function tissueNamed(name: string): TissueClass | undefined {
  return WORDS.find(([, word]) => word.test(name.trim()))?.[0]
}
