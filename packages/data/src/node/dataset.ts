import { access, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Dataset, requireModalities, type Subject } from '../datasets/dataset.ts'
import { parseDatasetTable } from '../datasets/dataset-table.ts'
import type { FileTree, LayoutOptions } from '../datasets/file-tree.ts'
import { mapPaths, readLayout } from '../datasets/layouts.ts'
import { DataError, MissingInputError } from '../errors.ts'
import type { LabelSpecification } from '../labels.ts'
import { type ListingProgress, listFiles } from './list-files.ts'
import { openStatedLabels } from './stated-labels.ts'

/** What {@link openDataset} should check. */
export interface OpenDatasetOptions {
  /** Modalities that every subject must have; without them, rows that cannot be used are no error. */
  readonly modalities?: readonly string[]
  /**
   * Label convention that the user asked for: it replaces all that the data set says. By default the layout or what
   * stands beside the label files decides; `unread` asks nothing, where nobody will look at the labels.
   */
  readonly labels?: LabelSpecification | 'unread'
  /** Site of the subjects of whom a table or folder says none; without it, they are an error. */
  readonly site?: string
  /** Modalities of which every run of a BIDS session is a subject (all when empty); by default the first is taken. */
  readonly everyRunOf?: readonly string[]
  /** Hears how far the listing of a folder is. */
  readonly onProgress?: ListingProgress
}

/**
 * Opens a `dataset.tsv` and resolves its paths against the folder of the table. Files that do not exist are listed in
 * `missing` of their subjects. `site` is that of rows that name none.
 *
 * Throws MissingInputError when the table does not exist, DataError for bad contents.
 */
export async function readDatasetTable(path: string, site?: string): Promise<Dataset> {
  const dataset = parseDatasetTable(await readText(path), path, site)
  return markMissing(resolvePaths(dataset, dirname(path)))
}

/**
 * Opens a data set given as a table or as a folder; see {@link readLayout} for the layouts. Paths become absolute.
 * Files of subjects that do not exist, or were not fetched, are listed in `missing` of their subjects.
 *
 * Throws MissingInputError when `path` does not exist, DataError for bad contents or when a requested modality is
 * missing.
 */
export async function openDataset(path: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const { modalities, labels, site, everyRunOf, onProgress } = options
  const known = {
    ...(labels === undefined ? {} : { labels }),
    ...(site === undefined ? {} : { site }),
    ...(everyRunOf && { everyRunOf }),
  }
  const dataset = (await isFolder(path))
    ? await openFolder(path, known, onProgress)
    : await readDatasetTable(path, site)
  if (modalities !== undefined) requireModalities(dataset, modalities)
  if (labels === 'unread') return dataset
  if (labels === undefined) return withStatedLabels(dataset)
  return { ...dataset, subjects: dataset.subjects.map((subject) => ({ ...subject, labels })) }
}

/** Subjects whose layout does not fix a convention get the one that stands beside their label files, if any. */
function withStatedLabels(dataset: Dataset): Dataset {
  const statedLabels = openStatedLabels()
  const subjects = dataset.subjects.map((subject) => {
    if (subject.label === undefined || subject.labels !== undefined) return subject
    const labels = statedLabels(subject.label)
    return labels === undefined ? subject : { ...subject, labels }
  })
  return { ...dataset, subjects }
}

async function openFolder(
  path: string,
  options: LayoutOptions,
  onProgress: ListingProgress | undefined,
): Promise<Dataset> {
  const { files, warnings } = await listFiles(path, onProgress)
  const tree: FileTree = { name: path, files, readText: (file) => readText(join(path, file)) }
  const dataset = resolvePaths(await readLayout(tree, options), path)
  return markMissing({ ...dataset, warnings: [...warnings, ...dataset.warnings] })
}

function resolvePaths(dataset: Dataset, folder: string): Dataset {
  const subjects = dataset.subjects.map((subject) => mapPaths(subject, (path) => resolve(folder, path)))
  return { ...dataset, subjects }
}

/** Subjects that are looked at together. */
const AT_ONCE = 64

async function markMissing(dataset: Dataset): Promise<Dataset> {
  const subjects: Subject[] = []
  for (let start = 0; start < dataset.subjects.length; start += AT_ONCE) {
    subjects.push(...(await Promise.all(dataset.subjects.slice(start, start + AT_ONCE).map(withMissing))))
  }
  return { ...dataset, subjects }
}

async function withMissing(subject: Subject): Promise<Subject> {
  const { images, label, mask } = subject
  const named = [...new Set([...Object.values(images), label, mask])].filter((file) => file !== undefined)
  const there = await Promise.all(
    named.map((file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    ),
  )
  const missing = named.filter((_, index) => !there[index])
  return missing.length === 0 ? subject : { ...subject, missing }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    throw new MissingInputError('The data set does not exist.', {
      file: path,
      fix: 'give a dataset.tsv or a folder that exists',
      cause,
    })
  }
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new MissingInputError('The file cannot be read.', {
      file: path,
      fix: 'check the path and its permissions',
      cause,
    })
  })
  const text = bytes.toString('utf8')
  // UTF-16 starts with one of two marks or, without one, shows by the zero in every other byte.
  if (/^(\xFF\xFE|\xFE\xFF)/.test(bytes.toString('latin1', 0, 2)) || text.includes('\0')) {
    throw new DataError('The file is not text in UTF-8, but probably in UTF-16.', {
      file: path,
      fix: 'save it again with the encoding UTF-8',
    })
  }
  return text
}
