import type { Log } from './log.ts'

const told = new WeakMap<Log, Set<string>>()

/**
 * Tells the log what is odd in files or doubtful in masks, each sentence once per log: some commands read the same files
 * again and again. The sentences begin with the name of their file.
 */
export function warnOfFiles(log: Log, sentences: readonly string[]): void {
  const known = told.get(log) ?? new Set()
  told.set(log, known)
  for (const sentence of sentences) {
    if (known.has(sentence)) continue
    known.add(sentence)
    log.warning('file', sentence)
  }
}
