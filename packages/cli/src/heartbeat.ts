import { Worker } from 'node:worker_threads'

/** Says what a command is at when it has said nothing for a while, also while the main thread computes. */
export interface Heartbeat {
  /** A line was written, and silence begins anew. */
  said(line: string): void
  /** The command has come to something that no line was written about. */
  at(what: string): void
  stop(): void
}

/** How a heartbeat speaks. */
export interface HeartbeatOptions {
  /** The file descriptor that people read. */
  readonly descriptor: number
  readonly format: 'text' | 'json'
  /** Seconds of silence after which it says something. */
  readonly period: number
}

/*
 * The thread formats its lines by itself: the main one, which has the log, may be busy for a minute. It writes what
 * progress.ts would.
 */
const THREAD = `
const { writeSync } = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')
const { descriptor, format, period } = workerData
let last = performance.now()
let what = ''
let since = Date.now()
parentPort.on('message', ({ text, written }) => {
  what = text
  since = Date.now()
  if (written) last = performance.now()
})
setInterval(() => {
  if (performance.now() - last < 1000 * period || what === '') return
  last = performance.now()
  const now = Date.now()
  const message = 'working: ' + Math.round((now - since) / 1000) + ' s since "' + what + '"'
  const local = new Date(now - new Date(now).getTimezoneOffset() * 60000).toISOString()
  const line = format === 'json'
    ? JSON.stringify({ ts: new Date(now).toISOString(), level: 'info', event: 'progress', message })
    : local.replace('T', ' ').replace('Z', '') + ' INFO    ' + message
  try {
    writeSync(descriptor, line + '\\n')
  } catch {
    // A reader that is gone or slow misses a sign of life, and nothing else.
  }
}, 1000)
`

/** Starts the thread with the first thing that is said; commands that end at once never pay for it. */
export function openHeartbeat(options: HeartbeatOptions): Heartbeat {
  let worker: Worker | undefined
  const tell = (text: string, written: boolean) => {
    if (worker === undefined) {
      worker = new Worker(THREAD, { eval: true, workerData: options, stdout: true, stderr: true })
      worker.unref()
    }
    worker.postMessage({ text, written })
  }
  return {
    said: (line) => tell(line, true),
    at: (what) => tell(what, false),
    stop() {
      void worker?.terminate()
      worker = undefined
    },
  }
}
