import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type FileTree, readLayout, type Subject, VoxnormError } from '@voxnorm/data'
import { readDatasetTable } from '@voxnorm/data/node'
import { insideBids } from '../prediction/output-names.ts'

/** What the dataset around some image files says of them. */
export interface Surroundings {
  readonly site?: string
  readonly mask?: string
  /** A sentence about what could not be found out. */
  readonly warning?: string
}

/**
 * Looks up images that are given one by one in the dataset that they lie in, so that they have the mask and the site that
 * a prediction of the whole dataset would give them.
 *
 * Known are the `dataset.tsv` of a folder above the first image, else the BIDS dataset around it, of which only the
 * subject's own files are looked at. What cannot be read is a warning, in the words of `messageOf`.
 */
export function openSurroundings(
  messageOf: (error: Error) => string,
): (images: readonly string[]) => Promise<Surroundings> {
  const tables = new Map<string, Promise<readonly Subject[]>>()
  const readTable = (table: string) => {
    const known = tables.get(table) ?? readDatasetTable(table).then(({ subjects }) => subjects)
    tables.set(table, known)
    return known
  }
  return async (images) => {
    // What does not exist is told by who predicts it.
    if (!images.every((image) => existsSync(image))) return {}
    const table = tableAbove(images[0]!)
    const bids = insideBids(images[0]!)
    try {
      const listed = table === undefined ? undefined : subjectOf(await readTable(table), images)
      if (listed !== undefined) return surroundingsOf(listed)
      if (bids === undefined) return {}
      const person = bids.folder.split('/')[0]!
      return path.basename(images[0]!).startsWith(`${person}_`) ? await inBids(bids.root, person, images) : {}
    } catch (error) {
      // A folder may be closed to us although its images are not.
      if (!(error instanceof VoxnormError || (error instanceof Error && 'code' in error))) throw error
      const message = messageOf(error).replaceAll(/\s*\n\s*/g, ' ')
      return {
        warning: `${images[0]}: the dataset around it cannot be read, so that neither its site nor its mask is known. ${message}`,
      }
    }
  }
}

/** Folders above an image in which its table is looked for: `sub-1/ses-2/anat/` and a collection around it. */
const LEVELS = 5

function tableAbove(image: string): string | undefined {
  let folder = path.dirname(path.resolve(image))
  for (let level = 0; level < LEVELS; level++, folder = path.dirname(folder)) {
    const table = path.join(folder, 'dataset.tsv')
    if (existsSync(table)) return table
  }
  return undefined
}

async function inBids(root: string, person: string, images: readonly string[]): Promise<Surroundings> {
  const tree = treeOf(root, person)
  const { subjects } = await readLayout(tree, { site: 'n/a' })
  const subject = subjectOf(
    subjects.map((one) => ({
      ...one,
      images: Object.fromEntries(
        Object.entries(one.images).map(([modality, file]) => [modality, path.join(root, file)]),
      ),
      ...(one.mask === undefined ? {} : { mask: path.join(root, one.mask) }),
    })),
    images,
  )
  if (subject !== undefined) return surroundingsOf(subject)
  const mask = tree.files.find((file) => /_desc-brain_mask\.nii(\.gz)?$/.test(file))
  if (mask === undefined) return {}
  return {
    warning: `${images[0]}: ${path.join(root, mask)} may be its brain mask, but nothing says so; give it with --mask, if it is.`,
  }
}

/** The files of a BIDS dataset that say something of one subject. */
function treeOf(root: string, subject: string): FileTree {
  const there = (place: string) => existsSync(path.join(root, place))
  const shared = readdirSync(root, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && /\.(json|tsv)$/.test(entry.name))
    .map(({ name }) => name)
  const pipelines = there('derivatives') ? readdirSync(path.join(root, 'derivatives')) : []
  const own = [
    subject,
    path.join('derivatives', subject),
    ...pipelines.map((name) => path.join('derivatives', name, subject)),
  ]
    .filter(there)
    .flatMap((place) => readdirSync(path.join(root, place), { withFileTypes: true, recursive: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
  return {
    name: root,
    files: [...shared, ...own].map((file) => file.split(path.sep).join('/')).sort(),
    readText: async (file) => readFileSync(path.join(root, file), 'utf8'),
  }
}

/** The subject that all the images are of. */
function subjectOf(subjects: readonly Subject[], images: readonly string[]): Subject | undefined {
  const wanted = images.map((image) => path.resolve(image))
  return subjects.find((subject) => {
    const own = Object.values(subject.images).map((file) => path.resolve(file))
    return wanted.every((image) => own.includes(image))
  })
}

function surroundingsOf({ site, mask }: Subject): Surroundings {
  return { site, ...(mask === undefined ? {} : { mask }) }
}
