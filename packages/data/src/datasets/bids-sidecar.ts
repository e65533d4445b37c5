import { VoxnormError } from '../errors.ts'
import type { FileTree } from './file-tree.ts'
import { parseJsonObject } from './json-text.ts'

type Metadata = Readonly<Record<string, unknown>>

/** The sidecars of a folder, each read once and only when a scan needs it. */
export interface Sidecars {
  /**
   * The site of a scan as its sidecars tell it: `InstitutionName`, else the scanner (`Manufacturer`,
   * `ManufacturersModelName`, `MagneticFieldStrength`), as two scanners are two domains wherever they stand.
   *
   * Undefined when no sidecar names one of them.
   */
  siteOf(image: string): Promise<string | undefined>
  /** A sentence for every sidecar that could not be used so far. */
  warnings(): readonly string[]
  /** Sidecars of the scan that could not be used. */
  unusableOf(image: string): readonly string[]
}

interface Sidecar {
  readonly path: string
  readonly parts: readonly string[]
}

/** Indexes the sidecars of a folder. */
export function openSidecars(tree: FileTree): Sidecars {
  const byFolder = new Map<string, Sidecar[]>()
  for (const path of tree.files) {
    if (!path.endsWith('.json')) continue
    const folder = path.slice(0, path.lastIndexOf('/') + 1)
    const list = byFolder.get(folder) ?? []
    list.push({ path, parts: partsOf(path) })
    byFolder.set(folder, list)
  }
  const contents = new Map<string, Metadata>()
  const failures = new Map<string, string>()
  const read = async (path: string): Promise<Metadata> => {
    const known = contents.get(path)
    if (known !== undefined) return known
    let metadata: Metadata = {}
    try {
      metadata = parseJsonObject(await tree.readText(path), `${tree.name}/${path}`)
    } catch (error) {
      if (!(error instanceof VoxnormError)) throw error
      failures.set(path, `A sidecar is passed over. ${error.message.replaceAll(/\s*\n\s*/g, ' ')}`)
    }
    contents.set(path, metadata)
    return metadata
  }
  return {
    async siteOf(image) {
      let metadata: Metadata = {}
      for (const path of applicable(byFolder, image)) metadata = { ...metadata, ...(await read(path)) }
      return siteFrom(metadata)
    },
    warnings: () => [...failures.values()],
    unusableOf: (image) => applicable(byFolder, image).filter((path) => failures.has(path)),
  }
}

/**
 * The sidecars of a scan by BIDS' inheritance: every one on the way from the root to the scan whose suffix is the
 * scan's and whose entities are all in the scan's name; the nearer one comes later and wins.
 */
function applicable(byFolder: ReadonlyMap<string, readonly Sidecar[]>, image: string): string[] {
  const folders = image.split('/').slice(0, -1)
  const parts = partsOf(image)
  return ['', ...folders.map((_, depth) => `${folders.slice(0, depth + 1).join('/')}/`)].flatMap((folder) =>
    (byFolder.get(folder) ?? [])
      .filter((sidecar) => appliesTo(sidecar.parts, parts))
      .sort((first, second) => first.parts.length - second.parts.length)
      .map(({ path }) => path),
  )
}

function siteFrom(metadata: Metadata): string | undefined {
  const text = (key: string) => {
    const value = metadata[key]
    return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
  }
  const institution = text('InstitutionName')
  if (institution !== undefined) return institution
  const field = metadata['MagneticFieldStrength']
  const scanner = [
    text('Manufacturer'),
    text('ManufacturersModelName'),
    typeof field === 'number' ? `${field}T` : undefined,
  ].filter((word) => word !== undefined)
  return scanner.length > 0 ? scanner.join(' ') : undefined
}

/** Entities and, at the end, the suffix of a file's name. */
function partsOf(path: string): readonly string[] {
  return path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\..*$/, '')
    .split('_')
}

function appliesTo(sidecar: readonly string[], scan: readonly string[]): boolean {
  return sidecar.at(-1) === scan.at(-1) && sidecar.every((part) => scan.includes(part))
}
