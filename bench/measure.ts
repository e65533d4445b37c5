import { execFileSync } from 'node:child_process'

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
