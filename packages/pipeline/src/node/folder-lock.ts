import { closeSync, linkSync, openSync, readFileSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { OutputError } from '@voxnorm/data'
import { makeFolder, outputFailure, writeFully } from '@voxnorm/data/node'
import { LOCK_NAME } from '../storage.ts'

/** A folder that no other command writes into. */
export interface FolderLock {
  /** Lets others in again, and takes the folder away if this lock made it and nothing was put into it. */
  release(): void
}

/** What a lock file says about the process that works in its folder. */
interface Holder {
  readonly command: string
  readonly host: string
  readonly process: number
  /** When the process began, in the words of the system; tells it from a later one of the same number. */
  readonly began?: string
  /** When the folder was locked, ISO 8601. */
  readonly since: string
}

/** A lock file is written in one go; one that is empty for longer was left by a kill in between. */
const WRITING_MS = 2000

/**
 * Makes a folder if it is not there, and keeps other commands out of it until `release` or the end of the process.
 *
 * A lock whose process is gone, as after a kill, is taken over. Whether a process of another machine is gone cannot be
 * known, so its lock holds until somebody removes it. Throws OutputError (73), naming the holder, when another process
 * works in the folder, and when the folder cannot be made or written to.
 */
export function lockFolder(folder: string, command: string): FolderLock {
  const place = path.resolve(folder)
  const made = makeFolder(place)
  const file = path.join(place, LOCK_NAME)
  const began = beginOf(process.pid)
  const own: Holder = {
    command,
    host: os.hostname(),
    process: process.pid,
    ...(began !== undefined && { began }),
    since: new Date().toISOString(),
  }
  while (!create(file, own)) {
    const text = read(file)
    if (text === undefined) continue
    const holder = parse(text)
    if (holder !== undefined && isAtWork(holder)) throw occupied(folder, file, holder)
    if (holder === undefined && isFresh(file)) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    } else takeAway(file, text)
  }
  const release = () => {
    process.off('exit', release)
    rmSync(file, { force: true })
    if (made !== undefined) removeEmpty(place, made)
  }
  process.on('exit', release)
  return { release }
}

/** Writes the lock file; false when there is one. */
function create(file: string, own: Holder): boolean {
  let descriptor: number
  try {
    descriptor = openSync(file, 'wx')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw outputFailure(error, path.dirname(file))
  }
  try {
    writeFully(descriptor, Buffer.from(`${JSON.stringify(own)}\n`))
    return true
  } catch (error) {
    rmSync(file, { force: true })
    throw outputFailure(error, file)
  } finally {
    closeSync(descriptor)
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw outputFailure(error, file)
  }
}

function parse(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Holder
    return typeof value.host === 'string' && Number.isInteger(value.process) ? value : undefined
  } catch {
    return undefined
  }
}

function isFresh(file: string): boolean {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0 }
  return Math.abs(Date.now() - mtimeMs) < WRITING_MS
}

function isAtWork({ host, process: number, began }: Holder): boolean {
  if (host !== os.hostname()) return true
  try {
    process.kill(number, 0)
  } catch (error) {
    // A process of another user may not be signalled, but it is there.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const now = beginOf(number)
  return began === undefined || now === undefined || began === now
}

/** When a process began, on Linux: clock ticks since the machine started; `ended` for one that only waits to be buried. */
function beginOf(number: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${number}/stat`, 'utf8')
    // The second field is the program's name in parentheses and may hold spaces; the third is the state.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'ended' : fields[19]
  } catch {
    return undefined
  }
}

/** Moves a stale lock aside before it is removed: two that find it at a time must not remove the new lock of one of them. */
function takeAway(file: string, stale: string): void {
  const aside = `${file}.${process.pid}.tmp`
  try {
    renameSync(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw outputFailure(error, file)
  }
  if (read(aside) !== stale) linkSync(aside, file)
  rmSync(aside, { force: true })
}

function occupied(folder: string, file: string, holder: Holder): OutputError {
  const since = `${holder.since.slice(0, 19).replace('T', ' ')} UTC`
  const here = holder.host === os.hostname()
  return new OutputError(
    `voxnorm ${holder.command} works in this folder since ${since} (process ${holder.process} on ${holder.host}).`,
    {
      file: folder,
      fix: here
        ? 'wait until it has ended, or choose another folder'
        : `wait until it has ended, or choose another folder; if it was killed, remove ${file}`,
    },
  )
}

/** Removes a folder and those above it as far up as `top`, while they are empty. */
function removeEmpty(folder: string, top: string): void {
  for (let at = folder; at.startsWith(top); at = path.dirname(at)) {
    try {
      rmdirSync(at)
    } catch {
      return
    }
  }
}
