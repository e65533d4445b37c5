import { execFileSync } from 'node:child_process'
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

/** The middle of a list of numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}

/** The commit that is measured, with a mark when the tree differs from it. */
export function commit(): string {
  const git = (...words: string[]) => execFileSync('git', words, { encoding: 'utf8' }).trim()
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno') ? '+changes' : '')
  } catch {
    return 'unknown'
  }
}

/** Options of the form `--name value`. */
export function option(options: readonly string[], name: string): string | undefined {
  const at = options.indexOf(`--${name}`)
  return at < 0 ? undefined : options[at + 1]
}
