import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

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

/** Writes what a bench found to the file that `--out` names, with commit and command; without the option, nothing. */
export function keep(
  bench: string,
  options: readonly string[],
  found: Readonly<Record<string, unknown>>,
): void {
  const file = option(options, 'out')
  if (file === undefined) return
  const command = `node bench/run.mjs ${bench} ${options.join(' ')}`
  writeFileSync(file, `${JSON.stringify({ commit: commit(), command, ...found }, null, 2)}\n`)
}
