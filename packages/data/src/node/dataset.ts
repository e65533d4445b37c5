import { access, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { parseDatasetTable } from '../datasets/dataset-table.ts'
import type { FileTree, LayoutOptions } from '../datasets/file-tree.ts'
import { mapPaths, readLayout } from '../datasets/layouts.ts'
import { type Dataset, requireModalities } from '../datasets/subject.ts'
import { MissingInputError } from '../errors.ts'
import type { LabelSpecification } from '../labels.ts'
import { openStatedLabels } from './stated-labels.ts'

/** What {@link openDataset} should check. */
export interface OpenDatasetOptions {
  /** Modalities that every subject must have; by default none is required. */
  readonly modalities?: readonly string[]
  /**
   * Label convention that the user asked for: it replaces all that the data set says. By default the layout or what
   * stands beside the label files decides; `unread` asks nothing, where nobody will look at the labels.
   */
  readonly labels?: LabelSpecification | 'unread'
  /** Site of the subjects of a folder that says nothing about their sites; without it, they are an error. */
  readonly site?: string
}

/**
 * Opens a `dataset.tsv` and resolves its paths against the folder of the table.
 *
 * Throws MissingInputError when the table or a file that it names does not exist, DataError for bad contents.
 */
export async function readDatasetTable(path: string): Promise<Dataset> {
  const dataset = parseDatasetTable(await readText(path), path)
  return resolvePaths(dataset, dirname(path))
}

/**
 * Opens a data set given as a table or as a folder; see {@link readLayout} for the layouts. Paths become absolute.
 *
 * Throws MissingInputError when `path` or a file that a table names does not exist, DataError for bad contents or
 * when a requested modality is missing.
 */
export async function openDataset(path: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const { modalities = [], labels, site } = options
  const known = { ...(labels === undefined ? {} : { labels }), ...(site === undefined ? {} : { site }) }
  const dataset = (await isFolder(path)) ? await openFolder(path, known) : await readDatasetTable(path)
  requireModalities(dataset, modalities)
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

async function openFolder(path: string, options: LayoutOptions): Promise<Dataset> {
  const dataset = await readLayout(await readFolder(path), options)
  return resolvePaths(dataset, path)
}

/** Lists a folder with all its files below. */
async function readFolder(path: string): Promise<FileTree> {
  const entries = await readdir(path, { withFileTypes: true, recursive: true })
  const root = resolve(path)
  const files = entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(resolve(entry.parentPath), entry.name).slice(root.length + 1))
    .map((file) => file.split(sep).join('/'))
    .sort()
  return { name: path, files, readText: (file) => readText(join(path, file)) }
}

async function resolvePaths(dataset: Dataset, folder: string): Promise<Dataset> {
  const subjects = dataset.subjects.map((subject) => mapPaths(subject, (path) => resolve(folder, path)))
  for (const subject of subjects) {
    const files = [...Object.values(subject.images), subject.label, subject.mask]
    for (const file of files) {
      if (file !== undefined) await assertExists(file, dataset.path, subject.id)
    }
  }
  return { ...dataset, subjects }
}

async function assertExists(file: string, dataset: string, id: string): Promise<void> {
  try {
    await access(file)
  } catch (cause) {
    throw new MissingInputError(`The file, named for participant ${id} in ${dataset}, does not exist.`, {
      file,
      fix: 'correct the path; paths in a table are relative to the table',
      cause,
    })
  }
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
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new MissingInputError('The file cannot be read.', {
      file: path,
      fix: 'check the path and its permissions',
      cause,
    })
  }
}
