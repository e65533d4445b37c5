import { StoppedError, type StopRequest } from '@voxnorm/pipeline'
import { EXIT } from './exit-codes.ts'

/** Signals that ask a command to end in good order. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGUSR1'

/** A {@link StopRequest} that comes as a signal. */
export interface StopListener extends StopRequest {
  /** The signal that came, if one did. */
  received(): StopSignal | undefined
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
export function listenForStop(onRequest: (signal: StopSignal) => void): StopListener {
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
      if (received !== undefined)
        throw new StoppedError(received, received === 'SIGINT' ? 'interrupted' : 'stopped', done)
    },
    release() {
      for (const { signal, listener } of listeners) process.off(signal, listener)
    },
  }
}

/** What a command ends with that a signal stopped. */
export function exitCodeOfSignal(signal: StopSignal) {
  return signal === 'SIGINT' ? EXIT.interrupted : EXIT.stoppedEarly
}
