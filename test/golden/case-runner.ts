import type { Runtime } from '@voxnorm/tensor'
import type { Comparison } from './compare.ts'
import type { GoldenCase, GoldenFolder } from './manifest.ts'

/** Where cases find their numbers and what they run on. */
export interface CaseContext {
  readonly folder: GoldenFolder
  readonly runtime: Runtime
}

/**
 * Computes what a case asks for and compares. Throws for a case that it cannot run; the message becomes the reason for
 * its failure.
 */
export type CaseRunner = (item: GoldenCase, context: CaseContext) => Promise<Comparison[]> | Comparison[]

/** Runners by the name of the op. */
export type CaseRunners = Readonly<Record<string, CaseRunner>>
