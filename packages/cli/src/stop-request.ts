import { VoxnormError } from '@voxnorm/data'
import { EXIT, type ExitCode } from './exit-codes.ts'

/** Signals that ask a command to end in good order. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGUSR1'

/** A signal ended the work (exit code 130 after SIGINT, else 75: running again is expected to succeed). */
export class StoppedError extends VoxnormError {
  constructor(signal: StopSignal, done: string) {
    super(signal === 'SIGINT' ? 'interrupted' : 'stopped', `stopped by ${signal}: ${done}.`, {
      fix: 'run the same command again',
    })
    this.name = 'StoppedError'
  }
}

/** Turns the first stop signal into a request that a command can honour where nothing is half done. */
export interface StopRequest {
  readonly signal: AbortSignal
  /** The signal that came, if one did. */
  received(): StopSignal | undefined
  /** Throws StoppedError when a signal came; `done` says what is done, for example `2 of 5 volumes are done`. */
  throwIfStopped(done: string): void
  /** Gives the signals their usual meaning again. */
  release(): void
}

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGUSR1']

/**
 * Listens for SIGINT (Ctrl-C), SIGTERM and SIGUSR1 (a cluster about to take the machine away).
 *
 * The second SIGINT ends the process at once, for people who cannot wait; the others change nothing when they are
 * repeated. Without a listener, SIGUSR1 would make Node open a debugger's port.
 */
export function listenForStop(onRequest: (signal: StopSignal) => void): StopRequest {
  const controller = new AbortController()
  let received: StopSignal | undefined
  const listeners = SIGNALS.map((signal) => {
    const listener = () => {
      if (received !== undefined) {
        if (signal === 'SIGINT') process.exit(EXIT.interrupted)
        return
      }
      received = signal
      onRequest(signal)
      controller.abort(signal)
    }
    process.on(signal, listener)
    return { signal, listener }
  })
  return {
    signal: controller.signal,
    received: () => received,
    throwIfStopped(done) {
      if (received !== undefined) throw new StoppedError(received, done)
    },
    release() {
      for (const { signal, listener } of listeners) process.off(signal, listener)
    },
  }
}

/** What a command ends with that a signal stopped. */
export function exitCodeOfSignal(signal: StopSignal): ExitCode {
  return signal === 'SIGINT' ? EXIT.interrupted : EXIT.stoppedEarly
}
