/** What the grouping of a session's files looks at. */
interface SessionFile {
  readonly entities: Readonly<Record<string, string>>
  readonly suffix: string
}

/** Entities that do not tell one run or acquisition of a session from another. */
const SHARED = ['sub', 'ses', 'desc']

/**
 * Divides the files of a session by the runs and acquisitions of its scans, each with its entities (`run-1`, empty for a
 * session of one).
 *
 * The modality among `modalities` (among all when it is empty) with the most of them leads. Another scan, label or mask
 * goes with the run that has the same entities; where none has, those go along that contradict no entity of the run.
 */
export function runsOf<F extends SessionFile>(
  scans: readonly F[],
  others: readonly F[],
  modalities: readonly string[],
): { readonly entities: string; readonly files: readonly F[] }[] {
  const suffixes = [...new Set(scans.map(({ suffix }) => suffix))].sort()
  const asked = modalities.length === 0 ? suffixes : modalities.filter((name) => suffixes.includes(name))
  const keysOf = (suffix: string) => [
    ...new Set(scans.filter((scan) => scan.suffix === suffix).map(({ entities }) => keyOf(entities))),
  ]
  const [lead] = [...asked].sort((first, second) => keysOf(second).length - keysOf(first).length)
  const keys = lead === undefined ? [] : keysOf(lead)
  if (lead === undefined || keys.length < 2) return [{ entities: '', files: [...scans, ...others] }]
  return keys.map((key) => {
    const leading = scans.filter((scan) => scan.suffix === lead && keyOf(scan.entities) === key)
    const own = leading[0]!.entities
    const follow = (candidates: readonly F[], strict: boolean) => {
      const same = candidates.filter(({ entities }) => keyOf(entities) === key)
      if (same.length > 0) return same
      const agreeing = candidates.filter(({ entities }) => agrees(entities, own))
      return agreeing.length > 0 || strict ? agreeing : candidates
    }
    const partners = suffixes
      .filter((suffix) => suffix !== lead)
      .flatMap((suffix) =>
        follow(
          scans.filter((scan) => scan.suffix === suffix),
          false,
        ),
      )
    const companions = [...new Set(others.map(({ suffix }) => suffix))].flatMap((suffix) =>
      follow(
        others.filter((file) => file.suffix === suffix),
        true,
      ),
    )
    return { entities: key, files: [...leading, ...partners, ...companions] }
  })
}

function keyOf(entities: Readonly<Record<string, string>>): string {
  return Object.entries(entities)
    .filter(([name]) => !SHARED.includes(name))
    .map(([name, value]) => `${name}-${value}`)
    .join('_')
}

function agrees(entities: Readonly<Record<string, string>>, run: Readonly<Record<string, string>>): boolean {
  return Object.entries(entities).every(([name, value]) => SHARED.includes(name) || run[name] === value)
}
