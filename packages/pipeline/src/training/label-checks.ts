import {
  type AssignedSubject,
  CLASSES,
  DataError,
  type LabelSpecification,
  labelConvention,
  type PreparedSubject,
} from '@voxnorm/data'

/** What label numbers mean where neither the user nor the data says it. */
const ASSUMED = 'bids'

/** The conventions of the training subjects' labels, each once, in the order of the subjects. */
export function conventionsOf(subjects: readonly AssignedSubject[]): readonly LabelSpecification[] {
  const all = subjects.filter(({ split }) => split === 'train').map(({ labels }) => labels ?? ASSUMED)
  return [...new Map(all.map((labels) => [JSON.stringify(labels), labels])).values()]
}

/**
 * Checks that every tissue has a voxel in some training subject: with a convention that does not fit, numbers of one
 * tissue become another or background without breaking any rule. Throws DataError that names tissue and convention.
 */
export function assertTissuesOccur(
  training: readonly PreparedSubject[],
  subjects: readonly AssignedSubject[],
  table: string,
): void {
  const occurring = new Set(training.flatMap(({ label }) => [...new Set(label)]))
  const absent = CLASSES.filter((_, label) => label > 0 && !occurring.has(label))
  if (absent.length === 0) return
  const conventions = conventionsOf(subjects).map((labels) => {
    const { name } = labelConvention(labels)
    return typeof labels === 'string' ? name : `${name} ${JSON.stringify(labels)}`
  })
  throw new DataError(
    `no training subject has a voxel of ${absent.join(', ')} in its brain, read by the label convention ${conventions.join(', ')}.`,
    { file: table, fix: 'name the convention of the label files in data.labels, or check masks and labels' },
  )
}

/**
 * A sentence for labels whose numbers nobody explains and that look exchanged: in T1-weighted scans of any age, CSF is not
 * the brightest tissue. Undefined where nothing is odd. `channel` is that of the T1-weighted image.
 */
export function exchangeWarning(
  training: readonly PreparedSubject[],
  subjects: readonly AssignedSubject[],
  channel: number,
): string | undefined {
  const stated = new Set(
    subjects.filter(({ labels }) => labels !== undefined).map(({ site, id }) => JSON.stringify([site, id])),
  )
  const assumed = training.filter(({ site, id }) => !stated.has(JSON.stringify([site, id])))
  const odd = assumed.filter((subject) => {
    const [, csf, gm, wm] = meanByClass(subject, channel) as [number, number, number, number]
    return csf > gm && csf > wm
  })
  if (odd.length * 2 <= assumed.length) return undefined
  return `The labels are read as ${ASSUMED} (GM 1, WM 2, CSF 3), as nothing says otherwise, but in ${odd.length} of ${assumed.length} T1w scans what is then CSF is brighter than GM and WM. Name their convention in data.labels if that is wrong.`
}

/** Mean intensity of the voxels of each class; NaN where there is none. */
function meanByClass({ label, image, channels }: PreparedSubject, channel: number): number[] {
  const sums = CLASSES.map(() => 0)
  const counts = CLASSES.map(() => 0)
  label?.forEach((tissue, voxel) => {
    sums[tissue]! += image[voxel * channels + channel]!
    counts[tissue]! += 1
  })
  return sums.map((sum, tissue) => sum / counts[tissue]!)
}
