// Before a package is packed or published: builds it, and refuses tools that would leave `workspace:` and `catalog:` in
// its package.json, with which nobody can install it.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

if (process.env.npm_config_user_agent?.startsWith('pnpm/')) {
  const build = join(import.meta.dirname, 'build-package.mjs')
  process.exitCode = spawnSync(process.execPath, [build], { stdio: 'inherit' }).status ?? 1
} else {
  console.error('Only pnpm can pack these packages: use pnpm pack or pnpm publish.')
  process.exitCode = 1
}
