import type { LabelSpecification } from '../labels.ts'
import type { Subject } from './dataset.ts'

/** A folder of files, from a disk or from a browser's folder picker. */
export interface FileTree {
  /** The folder as the user named it, for messages. */
  readonly name: string
  /** Relative paths of all files, separated by `/` and in code-unit order. */
  readonly files: readonly string[]
  /** Text of the file with this relative path. */
  readText(path: string): Promise<string>
}

/** Reads one layout from a folder. */
export interface LayoutReader {
  /** True when the folder looks like this layout; decided by file names alone. */
  readonly matches: (tree: FileTree) => boolean
  /** Subjects with paths relative to the folder. */
  readonly read: (tree: FileTree, options: LayoutOptions) => Promise<LayoutContents>
}

/** What a reader may be told about a folder. */
export interface LayoutOptions {
  /** The label convention that the user asked for; `unread` where nobody will look at the labels. */
  readonly labels?: LabelSpecification | 'unread'
  /** Site of the subjects of which nothing in the folder says where they are from; without it, they are an error. */
  readonly site?: string
  /** Modalities of which every run of a session is a subject (all when empty); without it, the first is taken. */
  readonly everyRunOf?: readonly string[]
  /** Whether a file that cannot be read, and may name a site, is an error; by default when no site is given. */
  readonly sitesMatter?: boolean
}

/** What a {@link LayoutReader} finds. */
export interface LayoutContents {
  readonly subjects: readonly Subject[]
  readonly warnings: readonly string[]
}

/** Modality names of BIDS for the names that other layouts use; other names stay as they are. */
export function modalityName(name: string): string {
  const known: Readonly<Record<string, string>> = {
    t1: 'T1w',
    t1w: 'T1w',
    t2: 'T2w',
    t2w: 'T2w',
    pd: 'PDw',
    flair: 'FLAIR',
    t2_flair: 'FLAIR',
  }
  return known[name.toLowerCase()] ?? name
}

/** The parts of the tree inside each of its folders, with paths relative to that folder. */
export function subtrees(tree: FileTree): Map<string, FileTree> {
  const files = new Map<string, string[]>()
  for (const path of tree.files) {
    const slash = path.indexOf('/')
    if (slash < 0) continue
    const folder = path.slice(0, slash)
    const inside = files.get(folder) ?? []
    inside.push(path.slice(slash + 1))
    files.set(folder, inside)
  }
  return new Map(
    [...files].map(([folder, inside]) => [
      folder,
      {
        name: `${tree.name}/${folder}`,
        files: inside,
        readText: (path: string) => tree.readText(`${folder}/${path}`),
      },
    ]),
  )
}

/** Compares names so that `subject-2` comes before `subject-10`. */
export function compareNaturally(first: string, second: string): number {
  const firstParts = first.split(/(\d+)/)
  const secondParts = second.split(/(\d+)/)
  for (let part = 0; part < Math.min(firstParts.length, secondParts.length); part++) {
    // Odd positions hold the runs of digits.
    const order =
      part % 2 === 1
        ? Number(firstParts[part]) - Number(secondParts[part])
        : compareText(firstParts[part]!, secondParts[part]!)
    if (order !== 0) return order
  }
  return firstParts.length - secondParts.length || compareText(first, second)
}

function compareText(first: string, second: string): number {
  return first < second ? -1 : first > second ? 1 : 0
}
