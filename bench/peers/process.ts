import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { ANSWER, type Hello, type Request } from './peer.ts'

/** A peer's process: questions go in, one at a time, and answers come back. */
export interface PeerProcess extends Hello {
  readonly name: string
  /** Rejects with what went wrong in the peer, or when it ended or took too long; after that it is gone. */
  ask<T>(request: Request): Promise<T>
  stop(): void
}

/** Longest time for one answer: a step of the slowest peer and its compilation on a busy machine. */
const PATIENCE = 600_000

/** Starts a peer. Rejects with one line when it does not come up. */
export async function startPeer(name: string, command: readonly string[]): Promise<PeerProcess> {
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Threads that spin while they wait would be counted as work.
    env: { ...process.env, OMP_WAIT_POLICY: 'PASSIVE', OPENBLAS_NUM_THREADS: '1' },
  })
  const next = answersOf(child)
  const hello = await next<Hello>()
  return {
    name,
    ...hello,
    ask: (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      return next()
    },
    stop: () => child.stdin.end(),
  }
}

/** A function that waits for the next answer of a process. */
function answersOf(child: ChildProcess): <T>() => Promise<T> {
  const waiting: { resolve: (value: never) => void; reject: (error: Error) => void }[] = []
  let complaint = ''
  let ended: Error | undefined
  const end = (why: string) => {
    const line = complaint
      .trim()
      .split('\n')
      .findLast((text) => /error|cannot|no module/i.test(text))
    ended ??= new Error(line?.trim() ?? why)
    for (const { reject } of waiting.splice(0)) reject(ended)
  }
  child.on('error', (error) => end(error.message))
  child.on('close', () => end('its process ended'))
  child.stderr!.on('data', (bytes) => {
    complaint = `${complaint}${bytes}`.slice(-4000)
  })
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (!line.startsWith(ANSWER)) return
    const value = JSON.parse(line.slice(ANSWER.length))
    const asked = waiting.shift()
    if (value.error) asked?.reject(new Error(String(value.error).split('\n')[0]))
    else asked?.resolve(value as never)
  })
  return () =>
    new Promise((resolve, reject) => {
      if (ended) return reject(ended)
      const late = setTimeout(() => {
        child.kill()
        end(`no answer within ${PATIENCE / 1000} s`)
      }, PATIENCE)
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          clearTimeout(late)
          settle(value)
        }
      waiting.push({ resolve: settled(resolve), reject: settled(reject) })
    })
}
