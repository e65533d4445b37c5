import { parentPort } from 'node:worker_threads'
import type { PreparedSubject } from '@voxnorm/data'
import type { PredictedVolume } from '@voxnorm/models'
import { type AssessmentFacts, assess } from '../prediction/trust.ts'

/** What a thread of {@link openAssessor} is asked for. */
export interface AssessmentRequest {
  readonly prepared: PreparedSubject
  readonly output: PredictedVolume
  readonly facts: AssessmentFacts
}

parentPort?.on('message', ({ prepared, output, facts }: AssessmentRequest) => {
  try {
    parentPort?.postMessage(assess(prepared, output, facts))
  } catch {
    // Errors lose their class on the way; who asked finds out what is wrong.
    parentPort?.postMessage(undefined)
  }
})
