import { ConfigError, DataError } from './errors.ts'
import { CLASSES } from './image/volume.ts'

/** Name of a tissue class; its position in {@link CLASSES} is the internal label. */
export type TissueClass = (typeof CLASSES)[number]

/** The tissues: all classes but the background. */
export const TISSUES = ['CSF', 'GM', 'WM'] as const satisfies readonly TissueClass[]
export type Tissue = (typeof TISSUES)[number]

/** The colour of each tissue, in label tables and in everything that is drawn on white. */
export const TISSUE_COLORS = { CSF: '#3b6fd4', GM: '#4aa564', WM: '#d9534f' } as const

/**
 * A convention written out: every number that may occur, by class. BG is `[0]` if absent. Voxels of the numbers under
 * `ignore` count neither for nor against any class.
 */
export type LabelMap = Readonly<Partial<Record<TissueClass | 'ignore', readonly number[]>>>

/** How a data set's label numbers relate to the internal classes. */
export interface LabelConvention {
  readonly name: string
  /** Internal class of every number that the convention knows. */
  readonly classOf: ReadonlyMap<number, number>
  /** Number written for internal class 0, 1, 2, 3: the first one listed for the class. */
  readonly written: readonly [number, number, number, number]
  /** Numbers of the voxels that count for no class. */
  readonly ignored: ReadonlySet<number>
}

/** Names that {@link labelConvention} knows. */
export type LabelConventionName = keyof typeof CONVENTIONS

/** A named convention or an explicit map, as in the configuration key `data.labels`. */
export type LabelSpecification = LabelConventionName | LabelMap

// The many cortical parcels of aparc+aseg, left and right, are all grey matter.
const CORTEX = [...range(1000, 1035), ...range(2000, 2035)]
const CEREBRAL_WHITE = [2, 41, 77, ...range(251, 255)]

/** `LabelsForTesting.nii` of MRBrainS13 and the authors' internal order are the same numbers as FSL FAST's. */
const CSF_GM_WM: LabelMap = { CSF: [1], GM: [2], WM: [3] }

/**
 * `mri_binarize`'s "everything else" is grey matter in the authors' pipeline, so all numbers of the aseg table
 * that no other list claims go there, brain stem, ventral diencephalon and vessels included.
 */
function freesurferRest(claimed: readonly number[]): number[] {
  return [3, 42, ...range(1, 259), ...CORTEX].filter(
    (label, position, all) => !claimed.includes(label) && all.indexOf(label) === position,
  )
}

const TIDY_CSF = [24, 4, 5, 14, 15, 31, 43, 44, 63, 72, 122, 221]
const TIDY_WHITE = [...CEREBRAL_WHITE, 7, 46]
// Both cerebellar halves (white 7 and 46, cortex 8 and 47), the vermis and the brain stem.
const HINDBRAIN = [7, 8, 46, 47, 16, 170, 171, 172, 173, 174, 175]
const CODE_CSF = [24, 4, 5, 31, 43, 44, 63]
// The authors add 1·CSF + 2·GM + 3·WM; 122 and 221 are in two of the lists, so they come out as 3.
const CODE_WHITE = [...CEREBRAL_WHITE, 122, 221]
const CODE_BACKGROUND = [0, 7, 14, 15, 46, 72]

const CONVENTIONS = {
  /** Standard table of BIDS derivatives: what the predictions are written in. */
  bids: { CSF: [3], GM: [1], WM: [2] },
  /** The internal order of the paper's authors. */
  paper: CSF_GM_WM,
  iseg: { CSF: [10], GM: [150], WM: [250] },
  /** Eight structures of `LabelsForTraining.nii`; cerebellum (7) and brain stem (8) are background. */
  mrbrains13: { BG: [0, 7, 8], CSF: [5, 6], GM: [1, 2], WM: [3, 4] },
  /** Three tissues of `LabelsForTesting.nii`. */
  'mrbrains13-testing': CSF_GM_WM,
  'fsl-fast': CSF_GM_WM,
  /** `aparc+aseg`, with cerebellar white matter as WM and third, fourth and fifth ventricle as CSF. */
  freesurfer: { BG: [0], CSF: TIDY_CSF, GM: freesurferRest([...TIDY_CSF, ...TIDY_WHITE]), WM: TIDY_WHITE },
  /** The same without cerebellum and brain stem, to match iSEG and MRBrainS. */
  'freesurfer-cerebrum': {
    BG: [0, ...HINDBRAIN],
    CSF: TIDY_CSF,
    GM: freesurferRest([...TIDY_CSF, ...CEREBRAL_WHITE, ...HINDBRAIN]),
    WM: CEREBRAL_WHITE,
  },
  /** `aparc+aseg` as the authors' scripts merged it. */
  'freesurfer-code': {
    BG: CODE_BACKGROUND,
    CSF: CODE_CSF,
    GM: freesurferRest([...CODE_BACKGROUND, ...CODE_CSF, ...CODE_WHITE]),
    WM: CODE_WHITE,
  },
} as const satisfies Record<string, LabelMap>

/** All names, for messages and help texts. */
export const LABEL_CONVENTIONS = Object.keys(CONVENTIONS) as readonly LabelConventionName[]

/**
 * The convention behind a name or an explicit map.
 *
 * Throws ConfigError for an unknown name, a number that stands for two classes, a tissue class without numbers
 * and numbers that are not whole and between 0 and 65535.
 */
export function labelConvention(specification: string | LabelMap): LabelConvention {
  if (typeof specification !== 'string') return buildConvention('explicit map', specification)
  if (!Object.hasOwn(CONVENTIONS, specification)) {
    throw new ConfigError(`There is no label convention called "${specification}".`, {
      fix: `use one of ${LABEL_CONVENTIONS.join(', ')}, or a map such as {CSF: [1], GM: [2], WM: [3]}`,
    })
  }
  return buildConvention(specification, CONVENTIONS[specification as LabelConventionName])
}

/**
 * Translates label numbers to internal classes (0 BG, 1 CSF, 2 GM, 3 WM).
 *
 * Numbers may carry the rounding of a scaled header (up to 0.001). Throws DataError that names each number
 * outside the convention, in how many voxels it occurs, and `file`; and where voxels are marked to be ignored.
 */
export function toInternal(
  values: ArrayLike<number>,
  convention: LabelConvention,
  file?: string,
): Uint8Array<ArrayBuffer> {
  const { classes, ignored } = toInternalOrIgnored(values, convention, file)
  if (ignored === undefined) return classes
  const count = ignored.reduce((sum, mark) => sum + mark, 0)
  throw new DataError(
    `The label map marks ${count} voxels to be ignored (${[...convention.ignored].join(', ')}), and every voxel of the brain must have a class here.`,
    {
      ...(file === undefined ? {} : { file }),
      fix: 'leave the participant out, or say what these numbers are: {CSF: …, GM: …, WM: …}',
      remedy: 'ignored-labels',
    },
  )
}

/** Internal classes, and where voxels are marked to be ignored: 1 there, and background among the classes. */
export interface PartlyLabelled {
  readonly classes: Uint8Array<ArrayBuffer>
  /** Undefined when no voxel is. */
  readonly ignored?: Uint8Array<ArrayBuffer>
}

/** As {@link toInternal}, but voxels that are marked to be ignored are no error. */
export function toInternalOrIgnored(
  values: ArrayLike<number>,
  convention: LabelConvention,
  file?: string,
): PartlyLabelled {
  const table = new Uint8Array(Math.max(...convention.classOf.keys(), ...convention.ignored) + 1).fill(
    UNKNOWN,
  )
  for (const [number, label] of convention.classOf) table[number] = label
  for (const number of convention.ignored) table[number] = IGNORED
  const classes = new Uint8Array(values.length)
  const unknown = new Map<number, number>()
  let ignored: Uint8Array<ArrayBuffer> | undefined
  for (let voxel = 0; voxel < values.length; voxel++) {
    const value = values[voxel]!
    const number = Math.round(value)
    const label = Math.abs(value - number) <= 1e-3 ? (table[number] ?? UNKNOWN) : UNKNOWN
    if (label === UNKNOWN) unknown.set(value, (unknown.get(value) ?? 0) + 1)
    else if (label === IGNORED) {
      ignored ??= new Uint8Array(values.length)
      ignored[voxel] = 1
    } else classes[voxel] = label
  }
  if (unknown.size > 0) throw outsideConvention(unknown, convention, file)
  return { classes, ...(ignored === undefined ? {} : { ignored }) }
}

/**
 * What says of files written in `convention` how to read them: its name, or for a map of one's own the numbers that
 * {@link fromInternal} writes.
 */
export function specificationOf({ name, written }: LabelConvention): LabelSpecification {
  const known = LABEL_CONVENTIONS.find((one) => one === name)
  if (known !== undefined) return known
  const numbers = CLASSES.map((tissue, label) => [tissue, [written[label]!]] as const)
  return Object.fromEntries(numbers) as LabelMap
}

/**
 * Translates internal classes to the numbers that the convention writes.
 *
 * Label files are stored as uint8: throws ConfigError when an explicit map starts a class above 255.
 */
export function fromInternal(
  labels: ArrayLike<number>,
  convention: LabelConvention,
): Uint8Array<ArrayBuffer> {
  const large = convention.written.find((number) => number > 255)
  if (large !== undefined) {
    throw new ConfigError(`The label ${large} of the ${convention.name} does not fit into a uint8 file.`, {
      fix: 'list a number up to 255 first for every class',
    })
  }
  const numbers = new Uint8Array(labels.length)
  for (let voxel = 0; voxel < labels.length; voxel++) numbers[voxel] = convention.written[labels[voxel]!]!
  return numbers
}

/** One row of a `dseg.tsv` look-up table; the fields are its columns in order. */
export interface LabelTableRow {
  readonly index: number
  readonly name: string
  readonly abbreviation: TissueClass
  readonly color: string
  /** The number of the same tissue in the standard BIDS table. */
  readonly mapping: number
}

const STANDARD_ROWS = {
  BG: { name: 'Background', color: '#000000', mapping: 0 },
  CSF: { name: 'Cerebrospinal Fluid', color: TISSUE_COLORS.CSF, mapping: 3 },
  GM: { name: 'Gray Matter', color: TISSUE_COLORS.GM, mapping: 1 },
  WM: { name: 'White Matter', color: TISSUE_COLORS.WM, mapping: 2 },
} as const

/** Rows of the `dseg.tsv` that explains label files written in `convention`, ordered by number. */
export function segmentationRows(convention: LabelConvention): LabelTableRow[] {
  const rows = CLASSES.map((abbreviation, label): LabelTableRow => {
    const { name, color, mapping } = STANDARD_ROWS[abbreviation]
    return { index: convention.written[label]!, name, abbreviation, color, mapping }
  })
  return rows.sort((first, second) => first.index - second.index)
}

const UNKNOWN = 255
const IGNORED = 254

function buildConvention(name: string, map: LabelMap): LabelConvention {
  const classOf = new Map<number, number>()
  const written = CLASSES.map((tissue, label) => {
    const numbers = map[tissue] ?? (tissue === 'BG' ? [0] : [])
    for (const number of numbers) claim(classOf, number, label)
    if (numbers[0] === undefined) {
      throw new ConfigError(`The label map has no number for ${tissue}.`, { fix: `add ${tissue}: [...]` })
    }
    return numbers[0]
  })
  const ignored = new Set(map.ignore ?? [])
  const both = [...ignored].find((number) => classOf.has(number))
  if (both !== undefined) {
    throw new ConfigError(`The label map lists ${both} for ${CLASSES[classOf.get(both)!]} and as ignored.`, {
      fix: 'name every number once',
    })
  }
  return { name, classOf, written: written as [number, number, number, number], ignored }
}

function claim(classOf: Map<number, number>, number: number, label: number): void {
  if (!Number.isInteger(number) || number < 0 || number > 65535) {
    throw new ConfigError(`The label map lists ${number}, which is not a whole number from 0 to 65535.`)
  }
  const other = classOf.get(number)
  if (other !== undefined && other !== label) {
    throw new ConfigError(`The label map lists ${number} for ${CLASSES[other]} and for ${CLASSES[label]}.`, {
      fix: 'name every number once',
    })
  }
  classOf.set(number, label)
}

function outsideConvention(
  unknown: ReadonlyMap<number, number>,
  convention: LabelConvention,
  file: string | undefined,
): DataError {
  const frequent = [...unknown].sort((first, second) => second[1] - first[1])
  const listed = frequent.slice(0, 5).map(([value, count]) => `${value} (${count} voxels)`)
  const more = frequent.length > 5 ? ` and ${frequent.length - 5} more` : ''
  const known = [...convention.classOf.keys()].sort((first, second) => first - second)
  const expected = known.length > 12 ? 'its numbers' : known.join(', ')
  return new DataError(
    `The label map holds ${listed.join(', ')}${more}, but the convention ${convention.name} knows only ${expected}.`,
    {
      ...(file === undefined ? {} : { file }),
      fix: 'name the convention of these files',
      remedy: 'label-convention',
    },
  )
}

/** Whole numbers from first to last, both included. */
function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, step) => first + step)
}
