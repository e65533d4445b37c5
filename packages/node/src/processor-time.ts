import { readdirSync, readFileSync } from 'node:fs'

/**
 * Milliseconds of processor time that all threads but the main one have used. On a software adapter that is the
 * kernels themselves, whatever else the machine does meanwhile. Linux only; NaN elsewhere.
 */
export function kernelProcessorTime(): number {
  return orNaN(() =>
    readdirSync('/proc/self/task')
      .filter((thread) => Number(thread) !== process.pid)
      .reduce((sum, thread) => sum + usedBy(thread), 0),
  )
}

/** Milliseconds of processor time that the main thread has used. Linux only; NaN elsewhere. */
export function hostProcessorTime(): number {
  return orNaN(() => usedBy(String(process.pid)))
}

function usedBy(thread: string): number {
  const [nanoseconds] = readFileSync(`/proc/self/task/${thread}/schedstat`, 'utf8').split(' ')
  return Number(nanoseconds) / 1e6
}

function orNaN(read: () => number): number {
  try {
    return read()
  } catch {
    return Number.NaN
  }
}
