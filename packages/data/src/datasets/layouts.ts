import { DataError } from '../errors.ts'
import { abide } from './abide.ts'
import { bids } from './bids.ts'
import { type Dataset, makeDataset, type Subject } from './dataset.ts'
import { parseDatasetTable } from './dataset-table.ts'
import { type FileTree, type LayoutOptions, type LayoutReader, subtrees } from './file-tree.ts'
import { iseg2017 } from './iseg2017.ts'
import { mrbrains13 } from './mrbrains13.ts'
import { nnunet } from './nnunet.ts'

/** The layouts of folders, in the order in which they are asked; another one is a file and a row here. */
export const LAYOUTS: readonly LayoutReader[] = [bids, nnunet, iseg2017, abide, mrbrains13]

/**
 * Recognises how a folder is laid out and lists its subjects, with paths relative to the folder.
 *
 * Known are a folder with a `dataset.tsv`, the `layouts` (by default {@link LAYOUTS}), and a folder whose sub-folders are
 * such data sets. A sub-folder that does not say where its
 * subjects are from is a site by its own name. Throws DataError for anything else.
 */
export async function readLayout(
  tree: FileTree,
  options: LayoutOptions = {},
  layouts: readonly LayoutReader[] = LAYOUTS,
): Promise<Dataset> {
  const dataset = await recognise(tree, options, layouts)
  if (dataset !== undefined) return dataset
  const collection = await readCollection(tree, options, layouts)
  if (collection !== undefined) return collection
  throw new DataError('The folder is none of the known layouts.', {
    file: tree.name,
    fix: 'write a dataset.tsv with the columns participant_id, site, T1w and label',
  })
}

async function recognise(
  tree: FileTree,
  options: LayoutOptions,
  layouts: readonly LayoutReader[],
): Promise<Dataset | undefined> {
  if (tree.files.includes('dataset.tsv')) {
    return parseDatasetTable(await tree.readText('dataset.tsv'), `${tree.name}/dataset.tsv`, options.site)
  }
  const reader = layouts.find(({ matches }) => matches(tree))
  if (reader === undefined) return undefined
  const { subjects, warnings } = await reader.read(tree, options)
  return makeDataset(tree.name, subjects, warnings)
}

/** Joins the data sets of all sub-folders, for example iSEG beside MRBrainS. */
async function readCollection(
  tree: FileTree,
  options: LayoutOptions,
  layouts: readonly LayoutReader[],
): Promise<Dataset | undefined> {
  const subjects: Subject[] = []
  const warnings: string[] = []
  const sitesMatter = options.site === undefined
  for (const [folder, inner] of subtrees(tree)) {
    const part = await recognise(inner, { ...options, site: folder, sitesMatter }, layouts)
    if (part === undefined) continue
    const inside = (path: string) => `${folder}/${path}`
    subjects.push(...part.subjects.map((subject) => mapPaths(subject, inside)))
    warnings.push(...part.warnings)
  }
  return subjects.length === 0 ? undefined : makeDataset(tree.name, subjects, warnings)
}

/** The subject with every path replaced by what `move` makes of it. */
export function mapPaths(subject: Subject, move: (path: string) => string): Subject {
  const images = Object.fromEntries(
    Object.entries(subject.images).map(([modality, path]) => [modality, move(path)]),
  )
  return {
    ...subject,
    images,
    ...(subject.label === undefined ? {} : { label: move(subject.label) }),
    ...(subject.mask === undefined ? {} : { mask: move(subject.mask) }),
  }
}
