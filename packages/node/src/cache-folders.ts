import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/** Per-user folders, best first; the temporary one serves users without a writable home. */
export function cacheFolders(): readonly string[] {
  const home = process.env['XDG_CACHE_HOME'] || (homedir() ? join(homedir(), '.cache') : '')
  const user = process.getuid?.() ?? 0
  return [...(home ? [join(home, 'voxnorm')] : []), join(tmpdir(), `voxnorm-${user}`)]
}
