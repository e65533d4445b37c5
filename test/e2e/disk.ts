import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** Mounts a file system in memory with the words of `mount`; whether that was possible. */
export const mount = (...words: readonly string[]): boolean =>
  spawnSync('mount', ['-t', 'tmpfs', ...words]).status === 0

/** Whether this machine lets us make a file system that is full; usually that takes the root of a container. */
export const mountable = ((): boolean => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const place = mkdtempSync(path.join(tmpdir(), 'voxnorm-mount-'))
  const done = mount('-o', 'size=16k', 'none', place)
  if (done) spawnSync('umount', [place])
  rmSync(place, { recursive: true })
  return done
})()
