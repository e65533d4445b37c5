import { VoxnormError } from '@voxnorm/data'

/** Asks a job to end in good order, where nothing is half done. */
export interface StopRequest {
  readonly signal: AbortSignal
  /** Throws {@link StoppedError} when the job is to end; `done` says what is done: `2 of 5 volumes are done`. */
  throwIfStopped(done: string): void
}

/** Somebody ended the work: a person who interrupted it, or a machine on which it may go on later. */
export class StoppedError extends VoxnormError {
  /** `by` says who asked, for example `SIGTERM`. */
  constructor(by: string, kind: 'stopped' | 'interrupted', done: string) {
    super(kind, `stopped by ${by}: ${done}.`, { fix: 'run the same command again' })
    this.name = 'StoppedError'
  }
}

/** A request that comes with an AbortSignal, as pages have them; without one it never comes. */
export function stopOnAbort(signal = new AbortController().signal): StopRequest {
  return {
    signal,
    throwIfStopped(done) {
      if (signal.aborted) throw new StoppedError('the signal', 'interrupted', done)
    },
  }
}
