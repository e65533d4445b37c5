const ENDINGS = /\.(nii|hdr|img|mgh|mgz)(\.gz)?$/i

/** Whether a name ends like that of an image that can be read. */
export function isImageName(path: string): boolean {
  return ENDINGS.test(path)
}

/** A file name without its folder, split where the image format's ending begins (`.gz` belongs to the ending). */
export interface ImageName {
  readonly stem: string
  /** For example `.nii.gz`; empty when the name does not end like an image that can be read. */
  readonly ending: string
}

/** Splits `sub-01_T1w.nii.gz` into `sub-01_T1w` and `.nii.gz`; folders in front are dropped. */
export function splitImageName(path: string): ImageName {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  const ending = ENDINGS.exec(name)?.[0] ?? ''
  return { stem: name.slice(0, name.length - ending.length), ending }
}

/** The role that a file name plays in a pair of header and voxels. */
export function pairRole(path: string): 'header' | 'voxels' | undefined {
  const ending = splitImageName(path).ending.toLowerCase()
  if (ending.startsWith('.hdr')) return 'header'
  return ending.startsWith('.img') ? 'voxels' : undefined
}

/** Names under which the other half of a pair may lie, the likeliest first; empty for other files. */
export function companionNames(path: string): string[] {
  const role = pairRole(path)
  if (role === undefined) return []
  const { ending } = splitImageName(path)
  const base = path.slice(0, path.length - ending.length)
  const upper = ending.slice(1, 4) === ending.slice(1, 4).toUpperCase()
  const other = role === 'header' ? '.img' : '.hdr'
  const plain = upper ? other.toUpperCase() : other
  const zipped = `${plain}.gz`
  return /\.gz$/i.test(ending) ? [base + zipped, base + plain] : [base + plain, base + zipped]
}
