import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MissingInputError } from '../errors.ts'

/** All files below a folder. */
export interface FolderListing {
  /** Paths relative to the folder, separated by `/` and in code-unit order; dangling links are among them. */
  readonly files: readonly string[]
  /** Those that are links to something that is not there. */
  readonly dangling: ReadonlySet<string>
  /** Sentences about folders that were left out. */
  readonly warnings: readonly string[]
}

/** How many folders and files have been listed so far. */
export type ListingProgress = (folders: number, files: number) => void

/** Links behind links beyond this are not followed, so that folders that link to one another come to an end. */
const MOST_LINKS = 4
/** Folders that are read at a time. */
const AT_ONCE = 64

interface Folder {
  /** Relative to the root and ending in `/`; empty for the root. */
  readonly path: string
  /** Real paths of this folder and of those it was reached through. */
  readonly chain: readonly string[]
  readonly links: number
}

/**
 * Lists a folder with everything below, links to folders included; hidden files and folders are passed over.
 *
 * A link that leads back to a folder on the way to it is not followed, and a warning says so; so it does of a folder
 * that cannot be read. Throws MissingInputError when the folder itself cannot be read.
 */
export async function listFiles(root: string, onProgress?: ListingProgress): Promise<FolderListing> {
  const files: string[] = []
  const dangling = new Set<string>()
  const warnings: string[] = []
  let folders = 0

  async function read(folder: Folder): Promise<Folder[]> {
    const entries = await readEntries(folder)
    folders++
    onProgress?.(folders, files.length)
    const inner = await Promise.all(
      entries.filter(({ name }) => !name.startsWith('.')).map((entry) => sort(folder, entry)),
    )
    return inner.filter((next) => next !== undefined)
  }

  async function readEntries({ path }: Folder): Promise<Dirent[]> {
    try {
      return await readdir(join(root, path), { withFileTypes: true })
    } catch (cause) {
      if (path === '') {
        throw new MissingInputError('The folder cannot be read.', {
          file: root,
          fix: 'check the path and its permissions',
          cause,
        })
      }
      warnings.push(`The folder ${path.slice(0, -1)} cannot be read, and what is in it is left out.`)
      return []
    }
  }

  /** Notes a file; gives back a folder that is still to be read. */
  async function sort(parent: Folder, entry: Dirent): Promise<Folder | undefined> {
    const path = parent.path + entry.name
    if (entry.isDirectory()) {
      const chain = [...parent.chain, join(parent.chain.at(-1)!, entry.name)]
      return { path: `${path}/`, chain, links: parent.links }
    }
    if (!entry.isSymbolicLink()) {
      if (entry.isFile()) files.push(path)
      return undefined
    }
    const target = await stat(join(root, path)).catch(() => undefined)
    if (target?.isDirectory()) return follow(parent, path)
    if (target === undefined) dangling.add(path)
    files.push(path)
    return undefined
  }

  async function follow(parent: Folder, path: string): Promise<Folder | undefined> {
    const real = await realpath(join(root, path))
    if (!parent.chain.includes(real) && parent.links < MOST_LINKS) {
      return { path: `${path}/`, chain: [...parent.chain, real], links: parent.links + 1 }
    }
    warnings.push(`The link ${path} leads in a circle or behind too many links, and is not followed.`)
    return undefined
  }

  const start = await realpath(root).catch(() => root)
  let waiting: Folder[] = [{ path: '', chain: [start], links: 0 }]
  while (waiting.length > 0) {
    const batch = waiting.slice(0, AT_ONCE)
    waiting = [...(await Promise.all(batch.map(read))).flat(), ...waiting.slice(AT_ONCE)]
  }
  return { files: files.sort(), dangling, warnings: warnings.sort() }
}
