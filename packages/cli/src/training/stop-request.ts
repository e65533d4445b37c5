/** Signals that ask a training to save itself and end. */
export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGUSR1'

/** Turns the first stop signal into a request that training can honour at the end of an iteration. */
export interface StopRequest {
  readonly signal: AbortSignal
  /** The signal that came, if one did. */
  received(): StopSignal | undefined
  /** Gives the signals their usual meaning again. */
  release(): void
}

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGUSR1']

/**
 * Listens for SIGINT (Ctrl-C), SIGTERM and SIGUSR1 (a cluster about to take the machine away).
 *
 * The second SIGINT ends the process at once, for people who cannot wait for the iteration.
 */
export function listenForStop(onRequest: (signal: StopSignal) => void): StopRequest {
  const controller = new AbortController()
  let received: StopSignal | undefined
  const listeners = SIGNALS.map((signal) => {
    const listener = () => {
      if (received !== undefined) {
        if (signal === 'SIGINT') process.exit(130)
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
    release() {
      for (const { signal, listener } of listeners) process.off(signal, listener)
    },
  }
}
