import { FORMATS, type Formats } from './formats.ts'

/** A file name without its folder, split where the image format's ending begins (`.gz` belongs to the ending). */
export interface ImageName {
  readonly stem: string
  /** For example `.nii.gz`; empty when the name does not end like an image that can be read. */
  readonly ending: string
}

/** Splits `sub-01_T1w.nii.gz` into `sub-01_T1w` and `.nii.gz`; folders in front are dropped. */
export function splitImageName(path: string, formats: Formats = FORMATS): ImageName {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  const expanded = withoutGz(name)
  const ending = endingsOf(formats).find((known) => expanded.toLowerCase().endsWith(known))
  const stem = ending === undefined ? name : expanded.slice(0, -ending.length)
  return { stem, ending: name.slice(stem.length) }
}

/** Whether a name ends like that of an image that can be read. */
export function isImageName(path: string, formats: Formats = FORMATS): boolean {
  return splitImageName(path, formats).ending !== ''
}

/** The role that a file name plays in a pair of header and voxels. */
export function pairRole(path: string, formats: Formats = FORMATS): 'header' | 'voxels' | undefined {
  return roleAndPartner(path, formats)?.role
}

/** Names under which the other half of a pair may lie, the likeliest first; empty for other files. */
export function companionNames(path: string, formats: Formats = FORMATS): string[] {
  const found = roleAndPartner(path, formats)
  if (found === undefined) return []
  const { ending } = splitImageName(path, formats)
  const base = path.slice(0, path.length - ending.length)
  const own = withoutGz(ending)
  const plain = own === own.toUpperCase() ? found.partner.toUpperCase() : found.partner
  const zipped = `${plain}.gz`
  return own === ending ? [base + plain, base + zipped] : [base + zipped, base + plain]
}

function roleAndPartner(
  path: string,
  formats: Formats,
): { readonly role: 'header' | 'voxels'; readonly partner: string } | undefined {
  const own = withoutGz(splitImageName(path, formats).ending).toLowerCase()
  for (const { header, voxels } of Object.values(formats).flatMap(({ pairs = [] }) => pairs)) {
    if (own === header) return { role: 'header', partner: voxels }
    if (own === voxels) return { role: 'voxels', partner: header }
  }
  return undefined
}

const withoutGz = (name: string): string => name.replace(/\.gz$/i, '')

const endingsOf = (formats: Formats): string[] =>
  Object.values(formats).flatMap(({ endings, pairs = [] }) => [
    ...endings,
    ...pairs.flatMap(({ header, voxels }) => [header, voxels]),
  ])
