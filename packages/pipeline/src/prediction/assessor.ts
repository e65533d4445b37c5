import type { PreparedSubject } from '@voxnorm/data'
import type { PredictedVolume } from '@voxnorm/models'
import { type Assessment, type AssessmentFacts, assess } from './trust.ts'

/** Judges predictions, if need be beside the main thread: a large volume takes a minute. */
export interface Assessor {
  /** As {@link assess}; undefined when the signal came first. */
  assess(
    prepared: PreparedSubject,
    output: PredictedVolume,
    facts: AssessmentFacts,
  ): Promise<Assessment | undefined>
  close(): void
}

/** Judges on the thread that asks. */
export const assessHere: Assessor = {
  assess: async (prepared, output, facts) => assess(prepared, output, facts),
  close() {},
}
