import { ConfigError, DataError } from '../errors.ts'
import { type LabelMap, labelConvention, type TissueClass } from '../labels.ts'
import { parseTable } from '../table.ts'
import { tissueNamed } from '../tissue-names.ts'
import type { Split, Subject } from './dataset.ts'
import { parseSplit } from './dataset-table.ts'
import { compareNaturally, type FileTree, type LayoutReader, modalityName } from './file-tree.ts'
import { parseJsonObject } from './json-text.ts'

/**
 * An nnU-Net raw folder: `imagesTr/CASE_0000.nii.gz`, `labelsTr/CASE.nii.gz`, `dataset.json` (`channel_names`,
 * `labels`, `file_ending`) and, as the format knows no sites, `sites.tsv` with the columns `case`, `site` and
 * optionally `split`. Cases of `imagesTs` are for testing, with labels where there is a `labelsTs`; those that
 * `sites.tsv` does not name are left out with a warning when no site is given for them.
 */
export const nnunet: LayoutReader = {
  matches: (tree) =>
    tree.files.includes('dataset.json') && tree.files.some((path) => path.startsWith('imagesTr/')),
  read: async (tree, { site, labels }) => {
    const description = await readDescription(tree, labels === undefined)
    const sites = await readSites(tree, site)
    const training = readSubjects(tree, 'Tr', description, sites, site)
    const test = readSubjects(tree, 'Ts', description, sites, site)
    const left = test.unplaced.join(', ')
    const warnings = left === '' ? [] : [`imagesTs without a row in sites.tsv are left out: ${left}.`]
    const [missing] = training.unplaced
    if (missing !== undefined) {
      throw new DataError(`The table has no row for the case ${missing}.`, { file: `${tree.name}/sites.tsv` })
    }
    return { subjects: [...training.subjects, ...test.subjects], warnings }
  },
}

interface Description {
  /** Modality by channel number. */
  readonly channels: ReadonlyMap<number, string>
  readonly ending: string
  readonly labels: LabelMap | undefined
}

interface SiteRow {
  readonly site: string
  readonly split: Split | undefined
}

/** `withLabels` is false where the meaning of the labels is decided already or does not matter. */
async function readDescription(tree: FileTree, withLabels: boolean): Promise<Description> {
  const file = `${tree.name}/dataset.json`
  const json = parseJsonObject(await tree.readText('dataset.json'), file)
  // "modality" is the key that nnU-Net 1 used.
  const names = json['channel_names'] ?? json['modality']
  const ending = json['file_ending'] ?? '.nii.gz'
  if (!isRecord(names) || typeof ending !== 'string') {
    throw new DataError('The description needs channel_names, an object, and file_ending, a text.', { file })
  }
  const channels = new Map(
    Object.entries(names).map(([channel, name]) => [Number(channel), modalityName(String(name))]),
  )
  return { channels, ending, labels: withLabels ? labelMapFrom(json['labels'], file) : undefined }
}

/**
 * The label map that the `labels` object spells out; undefined where there is none.
 *
 * nnU-Net 2 writes name: number, or name: [numbers] where a name covers several, and `ignore` for voxels that nobody
 * labelled; nnU-Net 1 wrote number: name. Throws DataError for a name that is no tissue, a number of two tissues, and a
 * tissue without a number.
 */
function labelMapFrom(labels: unknown, file: string): LabelMap | undefined {
  if (labels === undefined) return undefined
  const broken = (problem: string, cause?: unknown) =>
    new DataError(`The labels of the description ${problem}.`, {
      file,
      fix: 'call them background, CSF, GM and WM there, or say what the numbers are: {CSF: [1, 4], GM: 2, WM: 3}',
      remedy: 'label-description',
      cause,
    })
  if (!isRecord(labels)) throw broken('are no object of names and numbers')
  const map: Partial<Record<TissueClass | 'ignore', number[]>> = {}
  for (const [first, second] of Object.entries(labels)) {
    const [name, listed] = typeof second === 'string' ? [second, Number(first)] : [first, second]
    const numbers = Array.isArray(listed) ? listed : [listed]
    if (numbers.length === 0 || !numbers.every((number) => Number.isInteger(number) && number >= 0)) {
      throw broken(`give "${name}" no whole number`)
    }
    const tissue = name.toLowerCase() === 'ignore' ? 'ignore' : tissueNamed(name)
    if (tissue === undefined) {
      throw broken(
        `hold "${name}" (${numbers.join(', ')}), of which it is not known to which tissue it belongs`,
      )
    }
    map[tissue] = [...(map[tissue] ?? []), ...numbers]
  }
  try {
    labelConvention(map)
    return map
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause
    throw broken(
      `do not give each tissue numbers of its own: ${cause.message.split('\n')[0]!.replace(/\.$/, '')}`,
      cause,
    )
  }
}

async function readSites(tree: FileTree, otherwise?: string): Promise<ReadonlyMap<string, SiteRow>> {
  const file = `${tree.name}/sites.tsv`
  if (!tree.files.includes('sites.tsv')) {
    if (otherwise !== undefined) return new Map()
    throw new DataError('The nnU-Net folder does not say which case is from which site.', {
      file: tree.name,
      fix: 'add a tab-separated sites.tsv with the columns case and site',
    })
  }
  const table = parseTable(await tree.readText('sites.tsv'), file)
  const key = ['case', 'participant_id'].find((column) => table.columns.includes(column))
  if (key === undefined || !table.columns.includes('site')) {
    throw new DataError('The table needs the columns case and site.', { file })
  }
  const rows = new Map<string, SiteRow>()
  for (const { line, cells } of table.rows) {
    const site = cells['site']
    const name = cells[key]
    if (name === undefined || site === undefined) {
      throw new DataError(`Line ${line} lacks the case or the site.`, { file })
    }
    rows.set(name, { site, split: parseSplit(cells['split'], file, `Line ${line} (${name})`) })
  }
  return rows
}

interface Cases {
  readonly subjects: readonly Subject[]
  /** Names of the cases without a site. */
  readonly unplaced: readonly string[]
}

/** The cases of `imagesTr` or `imagesTs`. */
function readSubjects(
  tree: FileTree,
  part: 'Tr' | 'Ts',
  { channels, ending, labels }: Description,
  sites: ReadonlyMap<string, SiteRow>,
  otherwise: string | undefined,
): Cases {
  const files = new Set(tree.files)
  const folder = `images${part}/`
  const images = new Map<string, Record<string, string>>()
  for (const path of tree.files) {
    if (!path.startsWith(folder) || !path.endsWith(ending)) continue
    const match = /^(.+)_(\d{4})$/.exec(path.slice(folder.length, -ending.length))
    const modality = match === null ? undefined : channels.get(Number(match[2]))
    if (match === null || modality === undefined) {
      throw new DataError('The file is not named CASE_0000 with a channel that dataset.json lists.', {
        file: `${tree.name}/${path}`,
      })
    }
    images.set(match[1]!, { ...images.get(match[1]!), [modality]: path })
  }
  const names = [...images.keys()].sort(compareNaturally)
  const siteOf = (name: string) => sites.get(name)?.site ?? otherwise
  const subjects = names.flatMap((id) => {
    const site = siteOf(id)
    if (site === undefined) return []
    const label = `labels${part}/${id}${ending}`
    const split = part === 'Ts' ? 'test' : sites.get(id)?.split
    return {
      id,
      site,
      images: images.get(id)!,
      ...(files.has(label) ? { label } : {}),
      ...(split === undefined ? {} : { split }),
      ...(labels === undefined ? {} : { labels }),
    }
  })
  return { subjects, unplaced: names.filter((name) => siteOf(name) === undefined) }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
