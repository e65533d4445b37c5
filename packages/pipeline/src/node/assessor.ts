import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { Assessor } from '../prediction/assessor.ts'
import { type Assessment, assess } from '../prediction/trust.ts'
import type { AssessmentRequest } from './assess-worker.ts'

// Run from its sources, as tests do, the code has no file for a thread beside it.
const WORKER = new URL('./assess-worker.js', import.meta.url)

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
