import { readdirSync, readFileSync } from 'node:fs'

/**
 * Milliseconds of processor time that all threads but the main one have used. On a software adapter that is the
 * kernels themselves, whatever else the machine does meanwhile. Linux only; NaN elsewhere.
 */
export function kernelProcessorTime(): number {
  try {
    let nanoseconds = 0
    for (const thread of readdirSync('/proc/self/task')) {
      if (Number(thread) === process.pid) continue
      nanoseconds += Number(readFileSync(`/proc/self/task/${thread}/schedstat`, 'utf8').split(' ')[0])
    }
    return nanoseconds / 1e6
  } catch {
    return Number.NaN
  }
}
