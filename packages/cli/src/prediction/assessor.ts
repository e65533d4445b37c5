import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { PreparedSubject } from '@voxnorm/data'
import type { PredictedVolume } from '@voxnorm/models'
import type { AssessmentRequest } from './assess-worker.ts'
import { type Assessment, type AssessmentFacts, assess } from './trust.ts'

/** Judges predictions beside the main thread: a large volume takes a minute, and stop signals must be heard meanwhile. */
export interface Assessor {
  /** As {@link assess}; undefined when the signal came first. */
  assess(
    prepared: PreparedSubject,
    output: PredictedVolume,
    facts: AssessmentFacts,
  ): Promise<Assessment | undefined>
  close(): void
}

// Run from its sources, as tests do, the code has no file for a thread beside it.
const WORKER = new URL('./prediction/assess-worker.js', import.meta.url)

/** Opens an assessor; its thread starts when it is first needed, and ends when the signal comes. */
export function openAssessor(signal: AbortSignal): Assessor {
  const possible = WORKER.protocol === 'file:' && existsSync(WORKER)
  let worker: Worker | undefined
  return {
    async assess(prepared, output, facts) {
      if (!possible) return assess(prepared, output, facts)
      worker ??= new Worker(WORKER)
      const request: AssessmentRequest = { prepared, output, facts }
      worker.postMessage(request)
      try {
        const [assessment] = (await once(worker, 'message', { signal })) as [Assessment | undefined]
        if (assessment) return assessment
      } catch {
        void worker.terminate()
        worker = undefined
        if (signal.aborted) return undefined
      }
      // What failed there is tried again here, where the error has its class.
      return assess(prepared, output, facts)
    },
    close: () => void worker?.terminate(),
  }
}
