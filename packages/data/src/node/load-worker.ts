import { parentPort } from 'node:worker_threads'
import type { Subject } from '../datasets/dataset.ts'
import type { LoadOptions } from '../load-subject.ts'
import { loadSubject } from './load-subject.ts'

/** What a thread of {@link openSubjectLoader} is asked for. */
export interface LoadRequest {
  readonly subject: Subject
  readonly options: LoadOptions
}

parentPort?.on('message', ({ subject, options }: LoadRequest) => {
  loadSubject(subject, options).then(
    (prepared) => {
      const { image, mask, label } = prepared
      const buffers = [image, mask, ...(label ? [label] : [])].map(({ buffer }) => buffer)
      // Handed over, not copied.
      parentPort?.postMessage(prepared, buffers)
    },
    // Errors lose their class on the way; who asked finds out what is wrong.
    () => parentPort?.postMessage(undefined),
  )
})
