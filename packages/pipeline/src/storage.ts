/**
 * Files that a job reads: of a disk, of a folder that a browser was given, of a zip. Names are those that the user or the
 * folder has for them, with their parts joined by `/`.
 */
export interface Source {
  /** All bytes of a file. Throws MissingInputError when it is not there or cannot be read. */
  read(name: string): Promise<Uint8Array>
  /** Whether there is a file of this name. */
  has(name: string): Promise<boolean>
}

/**
 * A folder that a job fills: on a disk, in a browser's private file system, in memory on the way to a zip. Names are
 * relative to it.
 */
export interface Sink {
  /** The folder as the user knows it, for messages. */
  readonly name: string
  /**
   * Writes a whole file, with the folders on its way: under its name it is there complete or not at all, and what was
   * appended to other files before is there first. Throws OutputError or InputOutputError.
   */
  write(name: string, content: string | Uint8Array): Promise<void>
  /** Puts text behind what a file holds. A kill may leave a part of it. */
  append(name: string, text: string): Promise<void>
  /** Whether there is a file of this name. */
  has(name: string): Promise<boolean>
  /** The bytes of a file; undefined where there is none. */
  read(name: string): Promise<Uint8Array | undefined>
  /** Takes a file away, if there is one. */
  remove(name: string): Promise<void>
  /** Names of all files below a folder of it, or of the whole, in the order of their code units. */
  list(folder?: string): Promise<readonly string[]>
}

/** A {@link Sink} that keeps everything in memory. */
export interface MemorySink extends Sink {
  readonly files: ReadonlyMap<string, Uint8Array>
}

/** Opens an empty {@link MemorySink}. */
export function openMemorySink(name = 'memory'): MemorySink {
  const files = new Map<string, Uint8Array>()
  const bytesOf = (content: string | Uint8Array) =>
    typeof content === 'string' ? new TextEncoder().encode(content) : content
  return {
    name,
    files,
    async write(file, content) {
      files.set(file, bytesOf(content))
    },
    async append(file, text) {
      files.set(file, joined(files.get(file) ?? new Uint8Array(), bytesOf(text)))
    },
    has: async (file) => files.has(file),
    read: async (file) => files.get(file),
    async remove(file) {
      files.delete(file)
    },
    list: async (folder = '') =>
      [...files.keys()].filter((file) => folder === '' || file.startsWith(`${folder}/`)).sort(),
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** A file of a {@link Sink} as text; undefined where there is none. */
export async function readText(sink: Pick<Sink, 'read'>, name: string): Promise<string | undefined> {
  const bytes = await sink.read(name)
  return bytes && new TextDecoder().decode(bytes)
}

/** SHA-256 of bytes in hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Name of the file that says who works in a folder. */
export const LOCK_NAME = '.voxnorm-lock'
