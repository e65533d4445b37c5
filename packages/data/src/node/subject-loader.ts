import { once } from 'node:events'
import { existsSync } from 'node:fs'
import os from 'node:os'
import { Worker } from 'node:worker_threads'
import type { PreparedSubject } from '../prepare-subject.ts'
import { loadSubject } from './load-subject.ts'
import type { LoadRequest } from './load-worker.ts'

/** Loads subjects, several at a time where there are processors for it. */
export interface SubjectLoader {
  /** How many subjects it loads at a time; 1 when it has no threads of its own. */
  readonly threads: number
  /** As {@link loadSubject}, bit for bit; what is asked for beyond `threads` waits for its turn. */
  readonly load: typeof loadSubject
  /** Ends the threads; what they were loading never comes. */
  close(): void
}

/** A subject on its way takes several times the room of a prepared one, so there is no thread for every processor. */
const MOST_THREADS = 4

// Bundled into one file, as benches and tests run it, the code has no file for threads beside it.
const WORKER = new URL('./load-worker.js', import.meta.url)

/** Opens a loader. Its threads start when they are first needed. */
export function openSubjectLoader(): SubjectLoader {
  const possible = WORKER.protocol === 'file:' && existsSync(WORKER)
  const threads = possible ? Math.min(os.availableParallelism(), MOST_THREADS) : 1
  const workers: Worker[] = []
  const free: (typeof loadSubject)[] = threads === 1 ? [loadSubject] : []
  const waiting: ((lane: typeof loadSubject) => void)[] = []
  const start = () => {
    const worker = new Worker(WORKER)
    workers.push(worker)
    return loadOn(worker)
  }
  const freeLane = () => {
    const lane = free.pop() ?? (threads > 1 && workers.length < threads ? start() : undefined)
    return lane ?? new Promise<typeof loadSubject>((resolve) => waiting.push(resolve))
  }
  return {
    threads,
    load: async (subject, options) => {
      const lane = await freeLane()
      try {
        return await lane(subject, options)
      } finally {
        const next = waiting.shift()
        if (next) next(lane)
        else free.push(lane)
      }
    },
    close: () => {
      for (const worker of workers) void worker.terminate()
    },
  }
}

/** Loads on a thread. What fails there is tried again here, where the error has its class and the thread no part. */
function loadOn(worker: Worker): typeof loadSubject {
  let alive = true
  return async (subject, options) => {
    if (!alive) return loadSubject(subject, options)
    const request: LoadRequest = { subject, options }
    worker.postMessage(request)
    try {
      const [prepared] = (await once(worker, 'message')) as [PreparedSubject | undefined]
      if (prepared) return prepared
    } catch {
      alive = false
    }
    return loadSubject(subject, options)
  }
}
