import { DataError } from '../errors.ts'
import type { FileTree } from './file-tree.ts'

type Metadata = Readonly<Record<string, unknown>>

/**
 * The site of a scan as its sidecars tell it: `InstitutionName`, else the scanner (`Manufacturer`,
 * `ManufacturersModelName`, `MagneticFieldStrength`), as two scanners are two domains wherever they stand.
 *
 * Undefined when no sidecar names one of them. Throws DataError for a sidecar that is not JSON.
 */
export async function scannerSite(tree: FileTree, image: string): Promise<string | undefined> {
  const metadata = await readMetadata(tree, image)
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

/**
 * The metadata of a scan by BIDS' inheritance: every sidecar on the way from the root to the scan whose suffix is the
 * scan's and whose entities are all in the scan's name; the nearer one wins.
 */
async function readMetadata(tree: FileTree, image: string): Promise<Metadata> {
  const folders = image.split('/').slice(0, -1)
  const parts = partsOf(image)
  let metadata: Metadata = {}
  for (let depth = 0; depth <= folders.length; depth++) {
    const folder = folders
      .slice(0, depth)
      .map((name) => `${name}/`)
      .join('')
    const applicable = tree.files
      .filter((path) => path.startsWith(folder) && !path.slice(folder.length).includes('/'))
      .filter((path) => path.endsWith('.json') && appliesTo(partsOf(path), parts))
      .sort((first, second) => partsOf(first).length - partsOf(second).length)
    for (const path of applicable) metadata = { ...metadata, ...(await readJson(tree, path)) }
  }
  return metadata
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

async function readJson(tree: FileTree, path: string): Promise<Metadata> {
  const file = `${tree.name}/${path}`
  let json: unknown
  try {
    json = JSON.parse(await tree.readText(path))
  } catch (cause) {
    throw new DataError('The sidecar is not valid JSON.', { file, cause })
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Metadata
  throw new DataError('The sidecar does not hold a JSON object.', { file })
}
