import { type ChildProcess, fork } from 'node:child_process'
import path from 'node:path'

/** How one command line ended. */
export type Ended =
  | { readonly kind: 'ended'; readonly code: number; readonly said: string }
  | { readonly kind: 'crashed'; readonly said: string }
  | { readonly kind: 'hung' }

/** The command line in a process of its own, which is replaced when it crashes or hangs. */
export interface Program {
  /** What takes longer than `limit` seconds counts as hung. */
  run(words: readonly string[], limit: number): Promise<Ended>
  close(): void
}

/** Opens it; the process starts with the first command line. */
export function openProgram(): Program {
  let child: ChildProcess | undefined
  let errors = ''
  const start = () => {
    const started = fork(path.resolve('test/fuzz/program.js'), {
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
    run(words, limit) {
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
        running.on('message', ({ code, said }: { code: number; said: string }) =>
          end({ kind: 'ended', code, said }),
        )
        running.on('exit', (code, signal) => end({ kind: 'crashed', said: `${code ?? signal}: ${errors}` }))
        running.send([...words])
      })
    },
    close: stop,
  }
}
