import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockFolder } from '../src/node/folder-lock.ts'
import { LOCK_NAME } from '../src/storage.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'voxnorm-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('lockFolder', () => {
  const file = () => path.join(folder, LOCK_NAME)
  const hold = (holder: object) =>
    writeFileSync(file(), JSON.stringify({ command: 'train', since: '2026-05-04T03:02:01.000Z', ...holder }))
  const expectFree = () => {
    lockFolder(folder, 'predict').release()
    expect(readdirSync(folder)).toEqual([])
  }

  it('lets one in at a time, and says who is in', () => {
    const lock = lockFolder(folder, 'train')
    expect(() => lockFolder(folder, 'train')).toThrow(
      new RegExp(
        `voxnorm train works in this folder since 2.* UTC \\(process ${process.pid} on ${os.hostname()}\\)`,
      ),
    )
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ command: 'train', process: process.pid })
    lock.release()
    expectFree()
  })

  it('takes away the folders that it made when nothing is put into them', () => {
    const inner = path.join(folder, 'a', 'b')
    lockFolder(inner, 'train').release()
    expect(existsSync(path.join(folder, 'a'))).toBe(false)
    const lock = lockFolder(inner, 'train')
    writeFileSync(path.join(folder, 'a', 'kept'), '')
    lock.release()
    expect(readdirSync(path.join(folder, 'a'))).toEqual(['kept'])
  })

  it('takes over what a process that is gone has left', () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    hold({ host: os.hostname(), process: pid })
    expectFree()
  })

  it.skipIf(process.platform !== 'linux')(
    'tells a process from an earlier one of the same number',
    async () => {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
      await once(child, 'spawn')
      hold({ host: os.hostname(), process: child.pid })
      expect(() => lockFolder(folder, 'train')).toThrow(/voxnorm train works in this folder/)
      hold({ host: os.hostname(), process: child.pid, began: '1' })
      expectFree()
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  )

  it('leaves a process of another machine alone, and names the file to remove', () => {
    hold({ host: 'another-machine', process: 1 })
    const attempt = () => lockFolder(folder, 'train')
    expect(attempt).toThrow(/since 2026-05-04 03:02:01 UTC \(process 1 on another-machine\)/)
    expect(attempt).toThrow(`if it was killed, remove ${file()}`)
    expect(attempt).toThrow(expect.objectContaining({ kind: 'output', file: folder }))
  })

  it('takes over a lock that was never written to its end', () => {
    writeFileSync(file(), '{"comm')
    utimesSync(file(), new Date(0), new Date(0))
    expectFree()
  })
})
