import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { access } from 'node:fs/promises'
import path from 'node:path'
import {
  makeFolder,
  outputFailure,
  readFileBytes,
  removeTemporaryFiles,
  writeFileAtomically,
} from '@voxnorm/data/node'
import type { Sink, Source } from '../storage.ts'

/** The files of this machine's disks, by their paths. */
export function openDiskSource(): Source {
  return {
    read: readFileBytes,
    has: (name) =>
      access(name).then(
        () => true,
        () => false,
      ),
  }
}

/**
 * A folder of a disk. It is made with the first file. What a kill left half written goes from a folder when something is
 * first written there. Every call is done when it returns its promise, in the order of the calls.
 */
export function openDiskSink(folder: string): Sink {
  const clean = new Set<string>()
  const unflushed = new Set<string>()
  const at = (name: string) => path.join(folder, name)
  const prepare = (file: string) => {
    const parent = path.dirname(file)
    if (clean.has(parent)) return
    makeFolder(parent)
    removeTemporaryFiles(parent)
    clean.add(parent)
  }
  return {
    name: folder,
    async write(name, content) {
      prepare(at(name))
      for (const file of unflushed) flush(file)
      unflushed.clear()
      writeFileAtomically(at(name), content)
    },
    async append(name, text) {
      const file = at(name)
      prepare(file)
      unflushed.add(file)
      guarded(file, () => appendFileSync(file, text))
    },
    has: async (name) => existsSync(at(name)),
    read: async (name) => (existsSync(at(name)) ? readFileSync(at(name)) : undefined),
    async remove(name) {
      rmSync(at(name), { force: true })
    },
    async list(inside = '') {
      if (!existsSync(at(inside))) return []
      return readdirSync(at(inside), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) =>
          path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'),
        )
        .sort()
    },
  }
}

function flush(file: string): void {
  guarded(file, () => {
    const descriptor = openSync(file, 'r+')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  })
}

function guarded(file: string, action: () => void): void {
  try {
    action()
  } catch (error) {
    throw outputFailure(error, file)
  }
}
