import { DataError, VoxnormError } from '../errors.ts'
import { parseTable } from '../table.ts'
import { runsOf } from './bids-runs.ts'
import { openSidecars, type Sidecars } from './bids-sidecar.ts'
import type { Split, Subject } from './dataset.ts'
import { parseSplit } from './dataset-table.ts'
import { compareNaturally, type FileTree, type LayoutReader } from './file-tree.ts'

/** Suffixes of anatomical files that are not scans. */
const NOT_IMAGES = ['dseg', 'probseg', 'mask', 'defacemask']

/**
 * A BIDS folder: scans in `sub-X[/ses-Y]/anat`, their `dseg` and `desc-brain_mask` beside them or in
 * `derivatives/PIPELINE/sub-X[/ses-Y]/anat`, sites in the column `site` of `participants.tsv`.
 *
 * Where that column is missing, the scan's sidecars say the site: {@link Sidecars}. Files in another space than the
 * scan (`space-`) and what voxnorm itself predicted are passed over; of several candidates the first by name is taken
 * and a warning says so.
 */
export const bids: LayoutReader = {
  matches: (tree) => tree.files.some((path) => parseBidsPath(path)?.derivative === false),
  read: async (tree, { site, sitesMatter = site === undefined, everyRunOf }) => {
    const warnings: string[] = []
    const participants = await readParticipants(tree).catch((error: unknown) => {
      if (sitesMatter || !(error instanceof VoxnormError)) throw error
      warnings.push(`The table of participants is passed over. ${error.message.replaceAll(/\s*\n\s*/g, ' ')}`)
      return new Map<string, Participant>()
    })
    const sidecars = openSidecars(tree)
    const sessions = groupBySession(withoutPredictions(tree.files))
    const subjects: Subject[] = []
    for (const key of [...sessions.keys()].sort(compareNaturally)) {
      const files = sessions.get(key)!
      const scans = files.filter(isScan)
      const others = files.filter((file) => !isScan(file))
      const runs = everyRunOf === undefined ? [{ entities: '', files }] : runsOf(scans, others, everyRunOf)
      for (const run of runs) {
        const id = run.entities === '' ? key : `${key}_${run.entities}`
        const context = { participants, sidecars, warnings, site, sitesMatter }
        const subject = await readSession(tree, id, run.files, context)
        if (subject !== undefined) subjects.push(subject)
      }
    }
    return { subjects, warnings: [...warnings, ...sidecars.warnings()] }
  },
}

function isScan(file: BidsFile): boolean {
  return !file.derivative && !NOT_IMAGES.includes(file.suffix)
}

interface BidsFile {
  readonly path: string
  /** `sub-X` or `sub-X_ses-Y`. */
  readonly session: string
  readonly entities: Readonly<Record<string, string>>
  readonly suffix: string
  /** True inside `derivatives/`. */
  readonly derivative: boolean
}

interface Participant {
  readonly site: string | undefined
  readonly split: Split | undefined
}

/** The meaning of the path of a NIfTI file in an `anat` folder; undefined for all other paths. */
function parseBidsPath(path: string): BidsFile | undefined {
  const match =
    /^(derivatives\/(?:[^/]+\/)?)?sub-[^/]+\/(?:ses-[^/]+\/)?anat\/(sub-[^/]+)_([A-Za-z0-9]+)\.nii(?:\.gz)?$/.exec(
      path,
    )
  if (match === null) return undefined
  const entities: Record<string, string> = {}
  for (const entity of match[2]!.split('_')) {
    const dash = entity.indexOf('-')
    if (dash < 0) return undefined
    entities[entity.slice(0, dash)] = entity.slice(dash + 1)
  }
  const session = entities['ses'] === undefined ? '' : `_ses-${entities['ses']}`
  return {
    path,
    session: `sub-${entities['sub']}${session}`,
    entities,
    suffix: match[3]!,
    derivative: match[1] !== undefined,
  }
}

/**
 * The paths without the pipelines of `derivatives` that hold normalised images: those were written by `voxnorm
 * predict`, and to train with its segmentations, or to score them by themselves, would be a mistake.
 */
function withoutPredictions(paths: readonly string[]): readonly string[] {
  const predictions = new Set(
    paths.flatMap((path) => {
      const file = parseBidsPath(path)
      return file?.derivative && file.entities['desc'] === 'norm' ? [pipelineOf(path)] : []
    }),
  )
  return paths.filter((path) => !predictions.has(pipelineOf(path)))
}

/** `derivatives/PIPELINE/` or `derivatives/` in front of the participant's folder; empty for raw files. */
function pipelineOf(path: string): string {
  return /^(derivatives\/(?:[^/]+\/)?)?sub-/.exec(path)?.[1] ?? ''
}

function groupBySession(paths: readonly string[]): Map<string, BidsFile[]> {
  const sessions = new Map<string, BidsFile[]>()
  for (const path of paths) {
    const file = parseBidsPath(path)
    if (file === undefined || file.entities['space'] !== undefined) continue
    const files = sessions.get(file.session) ?? []
    files.push(file)
    sessions.set(file.session, files)
  }
  return sessions
}

async function readParticipants(tree: FileTree): Promise<ReadonlyMap<string, Participant>> {
  const participants = new Map<string, Participant>()
  if (!tree.files.includes('participants.tsv')) return participants
  const file = `${tree.name}/participants.tsv`
  const table = parseTable(await tree.readText('participants.tsv'), file)
  const siteColumn = table.columns.find((column) => column.toLowerCase() === 'site')
  for (const { line, cells } of table.rows) {
    const id = cells['participant_id']
    if (id === undefined) throw new DataError(`Line ${line} has no participant_id.`, { file })
    participants.set(id.startsWith('sub-') ? id : `sub-${id}`, {
      site: siteColumn === undefined ? undefined : cells[siteColumn],
      split: parseSplit(cells['split'], file, `Line ${line} (${id})`),
    })
  }
  return participants
}

/** What is known of a folder beside the files of a session. */
interface ReadingContext {
  readonly participants: ReadonlyMap<string, Participant>
  readonly sidecars: Sidecars
  readonly warnings: string[]
  /** Whether a site that cannot be read is an error. */
  readonly sitesMatter: boolean
  /** Site of the subjects of which nothing says where they are from. */
  readonly site: string | undefined
}

async function readSession(
  tree: FileTree,
  id: string,
  files: readonly BidsFile[],
  context: ReadingContext,
): Promise<Subject | undefined> {
  const { participants, sidecars, warnings } = context
  function choose(candidates: readonly BidsFile[], what: string): string | undefined {
    const chosen = [...candidates].sort(comparePreference)[0]
    if (chosen !== undefined && candidates.length > 1) {
      warnings.push(`${id} has ${candidates.length} files for ${what}; ${chosen.path} is used.`)
    }
    return chosen?.path
  }
  const scans = files.filter(isScan)
  const images: Record<string, string> = {}
  for (const suffix of [...new Set(scans.map((scan) => scan.suffix))].sort()) {
    images[suffix] = choose(
      scans.filter((scan) => scan.suffix === suffix),
      suffix,
    )!
  }
  const firstImage = Object.values(images)[0]
  if (firstImage === undefined) return undefined
  const label = choose(
    files.filter((file) => file.suffix === 'dseg'),
    'dseg',
  )
  const mask = choose(
    files.filter((file) => file.suffix === 'mask' && file.entities['desc'] === 'brain'),
    'the brain mask',
  )
  const participant = participants.get(id.split('_')[0]!)
  const told = participant?.site ?? (await sidecars.siteOf(firstImage))
  const unusable = told === undefined ? sidecars.unusableOf(firstImage) : []
  const site = told ?? (context.sitesMatter && unusable.length > 0 ? undefined : context.site)
  if (site === undefined) {
    const reason = unusable.length === 0 ? '' : `, and ${unusable.join(', ')} cannot be read as JSON`
    throw new DataError(`Nothing says from which site ${id} is${reason}.`, {
      file: tree.name,
      fix: 'add a column site to participants.tsv, or InstitutionName to the sidecars of the scans',
    })
  }
  return {
    id,
    site,
    images,
    ...(label === undefined ? {} : { label }),
    ...(mask === undefined ? {} : { mask }),
    ...(participant?.split === undefined ? {} : { split: participant.split }),
  }
}

/** Files beside the scan come before derivatives, and names with fewer entities before longer ones. */
function comparePreference(first: BidsFile, second: BidsFile): number {
  return (
    Number(first.derivative) - Number(second.derivative) ||
    Object.keys(first.entities).length - Object.keys(second.entities).length ||
    compareNaturally(first.path, second.path)
  )
}
