import { STRUCTURE_LIMIT, TISSUES } from '@voxnorm/data'
import { type Preview, type Trust, UNLIKE_PERCENTILE } from '@voxnorm/pipeline'

/** One thing that the numbers say, in plain language. */
export interface Finding {
  /** Whether it speaks for the images, against them, or cannot be told. */
  readonly verdict: 'good' | 'doubt' | 'unknown'
  readonly text: string
}

/** A preview of a version that judged its prediction. */
type Judged = Preview & { readonly trust: Trust }

/** Below this Dice the classical segmenter finds other tissues after than before. */
const TISSUE_DICE_LIMIT = 0.8
/** From this change of a tissue's volume on, in %. */
const VOLUME_LIMIT = 10
/** From this seam index on a grid of windows can be seen, and from the second one on it is not faint any more. */
const SEAM_LIMIT = 1.15
const STRONG_SEAM_LIMIT = 1.2
/** Findings of one kind that are told one by one. */
const MOST_NAMED = 8

/** What the measures of trust say about these scans; doubts come with the names of the scans. */
export function findings(previews: readonly Preview[]): Finding[] {
  const judged = previews.filter((preview): preview is Judged => preview.trust !== undefined)
  if (judged.length === 0) {
    return [
      unknown(
        'Nothing here says whether the anatomy is kept: these results were made by a version that did not judge them. Predict again.',
      ),
    ]
  }
  const findings = [...structure(judged), ...tissues(judged), ...seams(judged), ...likeness(judged)]
  if (judged.length < previews.length) {
    findings.push(
      unknown(`${previews.length - judged.length} of the scans were not judged: predict them again.`),
    )
  }
  return findings
}

/** Whether a normalised image is below the limit that `predict --strict` refuses. */
export function structureDoubted({ trust }: Preview): boolean {
  return trust?.structure !== undefined && trust.structure.structureIndex < STRUCTURE_LIMIT
}

function structure(judged: readonly Judged[]): Finding[] {
  const values = judged.flatMap(({ trust }) => (trust.structure ? [trust.structure.structureIndex] : []))
  if (values.length === 0) {
    return [unknown('Nothing was normalised here: the segmentation is of the input itself.')]
  }
  const doubted = judged.filter(structureDoubted)
  const kept = values.length - doubted.length
  const where = judged.some(({ voxelsFrom }) => voxelsFrom === 'slab')
    ? ', measured around the slices shown'
    : ''
  const range = span(
    values.filter((value) => value >= STRUCTURE_LIMIT),
    3,
  )
  const good =
    kept === 0
      ? []
      : [
          finding(
            'good',
            `The structure of ${scans(kept, values.length)} is kept: structure index ${range}, where 1 is perfect and ` +
              `below ${STRUCTURE_LIMIT} is doubtful${where}.`,
          ),
        ]
  return [
    ...good,
    ...named(doubted, judged, ({ trust, modality }) => {
      const { structureIndex, modality: worst } = trust.structure!
      const image = worst === modality ? 'the normalised image' : `the normalised ${worst}`
      return (
        `the structure is not kept (structure index ${structureIndex.toFixed(3)}). In ${percent(1 - structureIndex)} of ` +
        `the brain ${image} shows what the input does not explain. Look at the outlined places before you use it.`
      )
    }),
  ]
}

function tissues(judged: readonly Judged[]): Finding[] {
  const compared = judged.filter(({ trust }) => trust.classical.dice && trust.classical.volumeChange)
  if (compared.length === 0) return []
  const worstOf = ({ trust }: Judged) => {
    const change = trust.classical.volumeChange!
    return TISSUES.reduce((worst, tissue) =>
      Math.abs(change[tissue]) > Math.abs(change[worst]) ? tissue : worst,
    )
  }
  const lowest = ({ trust }: Judged) => Math.min(...TISSUES.map((tissue) => trust.classical.dice![tissue]))
  const largest = (one: Judged) => Math.abs(one.trust.classical.volumeChange![worstOf(one)])
  const doubted = compared.filter((one) => !(lowest(one) >= TISSUE_DICE_LIMIT && largest(one) < VOLUME_LIMIT))
  const good = compared.filter((one) => !doubted.includes(one))
  return [
    ...(good.length === 0
      ? []
      : [
          finding(
            'good',
            `A second, classical segmentation finds the same tissues before and after in ${scans(good.length, compared.length)}: ` +
              `overlap (Dice) at least ${Math.min(...good.map(lowest)).toFixed(2)}, volumes within ${percent(Math.max(...good.map(largest)) / 100)}.`,
          ),
        ]),
    ...named(doubted, judged, (one) => {
      const tissue = worstOf(one)
      const change = one.trust.classical.volumeChange![tissue]
      return (
        `a second, classical segmentation finds other tissues after than before: ${tissue} ` +
        `${change < 0 ? 'loses' : 'gains'} ${percent(Math.abs(change) / 100)} of its volume, and the lowest overlap ` +
        `(Dice) is ${lowest(one).toFixed(2)}. Do not compare its volumes before you have looked at its outlines.`
      )
    }),
  ]
}

function seams(judged: readonly Judged[]): Finding[] {
  const measured = judged.filter(({ trust }) => Number.isFinite(trust.structure?.seamIndex))
  if (measured.length === 0) return []
  const value = ({ trust }: Judged) => trust.structure!.seamIndex
  const doubted = measured.filter((one) => value(one) >= SEAM_LIMIT)
  if (doubted.length === 0) {
    const most = Math.max(...measured.map(value)).toFixed(2)
    return [finding('good', `No borders of windows show: seam index ${most} at most, where 1 is seamless.`)]
  }
  const strong = doubted.filter((one) => value(one) >= STRONG_SEAM_LIMIT)
  const faint = doubted.filter((one) => !strong.includes(one))
  const told = (some: readonly Judged[], text: string) => (some.length === 0 ? [] : [finding('doubt', text)])
  const shown = (some: readonly Judged[]) =>
    `shows in ${scans(some.length, measured.length)} where windows begin and end`
  return [
    ...told(
      strong,
      `A grid ${shown(strong)}: the image steps there ${span(strong.map(value), 2)} times as much as its input explains ` +
        '(seam index, where 1 is seamless). Edges and outlines at these places are not anatomy. A smaller stride ' +
        'softens it.',
    ),
    ...told(
      faint,
      `A faint grid ${shown(faint)}: seam index ${span(faint.map(value), 2)}, where 1 is seamless. A smaller stride ` +
        'softens it.',
    ),
  ]
}

function likeness(judged: readonly Judged[]): Finding[] {
  // Scans that the training worked with cannot be unlike it.
  const others = judged.filter(({ split }) => split !== 'train' && split !== 'validation')
  if (others.length === 0) return []
  const known = others.filter(({ trust }) => trust.likeness !== undefined)
  if (known.length === 0) {
    return [
      unknown(
        'Whether these scans look like those that the model was trained on is unknown: the model does not say what they look like.',
      ),
    ]
  }
  const doubted = known.filter(({ trust }) => trust.likeness!.percentile >= UNLIKE_PERCENTILE)
  const alike = known.length - doubted.length
  return [
    ...(alike === 0
      ? []
      : [
          finding(
            'good',
            `The intensities of ${scans(alike, known.length)} are like those of the training scans.`,
          ),
        ]),
    ...named(doubted, judged, ({ trust }) => {
      const { percentile, nearestSite } = trust.likeness!
      return (
        `the scan looks unlike the training scans: ${percentile === 100 ? 'every one of them is' : `${percent(percentile / 100)} of them are`} more usual. The nearest ` +
        `training site is ${nearestSite}. Expect worse results than the model's scores promise.`
      )
    }),
  ]
}

/** A finding for each scan, by its name where there are several, and for a crowd one that names the rest. */
function named(
  doubted: readonly Judged[],
  judged: readonly Judged[],
  text: (one: Judged) => string,
): Finding[] {
  const told = doubted.slice(0, MOST_NAMED).map((one) => {
    const sentence = text(one)
    const alone = `${sentence[0]!.toUpperCase()}${sentence.slice(1)}`
    return finding('doubt', judged.length === 1 ? alone : `${one.participant}: ${sentence}`)
  })
  const rest = doubted.slice(MOST_NAMED)
  if (rest.length === 0) return told
  return [
    ...told,
    finding('doubt', `The same holds for ${rest.map(({ participant }) => participant).join(', ')}.`),
  ]
}

function scans(count: number, all: number): string {
  if (all === 1) return 'this scan'
  if (count < all) return `${count} of ${all} scans`
  return all === 2 ? 'both scans' : `all ${all} scans`
}

function span(values: readonly number[], digits: number): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => value.toFixed(digits))
  return low === high ? low! : `${low} to ${high}`
}

function percent(share: number): string {
  const value = 100 * share
  return `${value < 10 ? Number(value.toFixed(1)) : value.toFixed(0)} %`
}

function finding(verdict: Finding['verdict'], text: string): Finding {
  return { verdict, text }
}

function unknown(text: string): Finding {
  return finding('unknown', text)
}
