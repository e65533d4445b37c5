import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder of the package, from its sources as from what is built of them. */
export const PACKAGE_FOLDER = new URL('../', import.meta.url)

/** The version of the program. */
export function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('package.json', PACKAGE_FOLDER), 'utf8')) as {
    version: string
  }
  return manifest.version
}

/** The checkout's commit, with a mark when the tree differs from it; `unknown` where the program is no checkout. */
export function commit(): string {
  // Loaded here, because nothing else at the start of the program needs it, and it takes as long as all the rest.
  const { execFileSync } = process.getBuiltinModule('node:child_process')
  const cwd = fileURLToPath(new URL('.', import.meta.url))
  const git = (...words: string[]) =>
    execFileSync('git', words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    // An installed package may lie inside somebody else's repository.
    git('ls-files', '--error-unmatch', '../package.json')
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno') ? '+changes' : '')
  } catch {
    return 'unknown'
  }
}
