import { type ChildProcess, fork } from 'node:child_process'
import path from 'node:path'

/** How one command line ended. */
export type Ended =
  | { readonly kind: 'ended'; readonly code: number; readonly out: string; readonly err: string }
  | { readonly kind: 'crashed'; readonly err: string }
  | { readonly kind: 'hung' }

/**
 * One process that runs command lines after each other with one device, which compiles every kernel once. It is replaced
 * when it crashes or hangs.
 */
export interface OneProcess {
  /** Runs one command line in a folder. What takes longer than `limit` seconds counts as hung. */
  run(folder: string, words: readonly string[], limit?: number): Promise<Ended>
  close(): void
}

/** Seconds for what is not on trial. */
const NO_HURRY = 3600

/** Opens it; the process starts with the first command line. */
export function openOneProcess(): OneProcess {
  let child: ChildProcess | undefined
  let errors = ''
  const start = () => {
    const started = fork(path.resolve('test/e2e/one-process.js'), {
      // Not what the test runner gave its own process.
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    errors = ''
    started.stderr?.on('data', (text) => {
      errors += text
    })
    return started
  }
  const stop = () => {
    child?.kill('SIGKILL')
    child = undefined
  }
  return {
    run(folder, words, limit = NO_HURRY) {
      const running = child ?? start()
      child = running
      return new Promise((resolve) => {
        const end = (ended: Ended) => {
          clearTimeout(timer)
          running.removeAllListeners('message')
          running.removeAllListeners('exit')
          if (ended.kind !== 'ended') stop()
          resolve(ended)
        }
        const timer = setTimeout(() => end({ kind: 'hung' }), limit * 1000)
        running.on('message', (message: { code: number; out: string; err: string }) =>
          end({ kind: 'ended', ...message }),
        )
        running.on('exit', (code, signal) => end({ kind: 'crashed', err: `${code ?? signal}: ${errors}` }))
        running.send({ words, folder })
      })
    },
    close: stop,
  }
}
