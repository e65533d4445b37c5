import { STRUCTURE_LIMIT, TISSUES } from '@voxnorm/data'
import type { PerTissue, Trust } from './trust.ts'

/** From this percentile on a scan counts as unlike the training scans. */
export const UNLIKE_PERCENTILE = 95

/** A row of the table of trust. */
export interface TrustRow {
  readonly measure: string
  readonly value: string | number
  /** How to read the value, in a few words. */
  readonly meaning: string
}

/** Columns of NAME_trust.tsv. */
export const TRUST_COLUMNS = ['measure', 'value', 'meaning'] as const

/** The rows of NAME_trust.tsv; measures that do not exist for a prediction have none. */
export function trustRows({ structure, classical, likeness }: Trust): TrustRow[] {
  const rows: TrustRow[] = []
  const add = (measure: string, value: string | number, meaning: string) =>
    rows.push({ measure, value: typeof value === 'number' ? (rounded(value) ?? 'n/a') : value, meaning })
  const addTissues = (
    measure: string,
    values: PerTissue | undefined,
    meaning: (tissue: string) => string,
  ) => {
    for (const tissue of TISSUES) if (values) add(`${measure}_${tissue}`, values[tissue], meaning(tissue))
  }
  if (structure !== undefined) {
    const { structureIndex, ssim, gradientCorrelation, edgeF1, seamIndex, modality } = structure
    add(
      'structure_index',
      structureIndex,
      `share of the brain whose detail the input explains; below ${STRUCTURE_LIMIT} anatomy may be changed`,
    )
    add(
      'structure_modality',
      modality,
      'the modality that the measures of structure are of: the worst kept one',
    )
    add('ssim', ssim, 'structural similarity after matching the intensities; 1 is equal')
    add('gradient_correlation', gradientCorrelation, 'correlation of the strength of the edges; 1 is equal')
    add(
      'edge_f1',
      edgeF1,
      'share of the edges that lie within a voxel of an edge of the other image; 1 is all',
    )
    add('seam_index', seamIndex, 'steps at the borders of the windows relative to the input; 1 is seamless')
  }
  addTissues(
    'classical_dice',
    classical.dice,
    (tissue) => `agreement of ${tissue} before and after by a classical segmenter; 1 is equal`,
  )
  addTissues(
    'classical_volume_change_percent',
    classical.volumeChange,
    (tissue) => `change of the volume of ${tissue} by that segmenter; 0 is none`,
  )
  addTissues(
    'network_volume_difference_percent',
    classical.segmenterVolumes,
    (tissue) => `how much larger ${tissue} is by the network than by that segmenter`,
  )
  if (likeness !== undefined) {
    add(
      'out_of_distribution_percentile',
      likeness.percentile,
      `share of the training scans that are more usual; from ${UNLIKE_PERCENTILE} the scan is unlike them`,
    )
    add(
      'out_of_distribution_distance',
      likeness.distance,
      'Mahalanobis distance of the intensities from the training scans',
    )
    add('nearest_training_site', likeness.nearestSite, 'the site whose scans look most like this one')
  }
  return rows
}

/** The same numbers as keys of a sidecar. */
export function trustFields({ structure, classical, likeness }: Trust): Readonly<Record<string, unknown>> {
  const tissues = (values: PerTissue) =>
    Object.fromEntries(TISSUES.map((tissue) => [tissue, rounded(values[tissue])]))
  return {
    ...(structure && {
      StructureIndex: rounded(structure.structureIndex),
      StructureModality: structure.modality,
      StructuralSimilarity: rounded(structure.ssim),
      GradientCorrelation: rounded(structure.gradientCorrelation),
      EdgeF1: rounded(structure.edgeF1),
      SeamIndex: rounded(structure.seamIndex),
    }),
    ...(classical.dice && { ClassicalDice: tissues(classical.dice) }),
    ...(classical.volumeChange && { ClassicalVolumeChangePercent: tissues(classical.volumeChange) }),
    NetworkVolumeDifferencePercent: tissues(classical.segmenterVolumes),
    ...(likeness && {
      OutOfDistributionScore: rounded(likeness.percentile),
      OutOfDistributionDistance: rounded(likeness.distance),
      NearestTrainingSite: likeness.nearestSite,
    }),
  }
}

/** Sentences for what makes a prediction doubtful. */
export function trustWarnings({ structure, likeness }: Trust): string[] {
  const warnings: string[] = []
  if (structure !== undefined && structure.structureIndex < STRUCTURE_LIMIT) {
    warnings.push(
      `the anatomy may be changed: its structure index is ${structure.structureIndex.toFixed(3)}, below ${STRUCTURE_LIMIT}; look at the outlined places in the report (a strict prediction refuses such images)`,
    )
  }
  if (likeness !== undefined && likeness.percentile >= UNLIKE_PERCENTILE) {
    warnings.push(
      `it looks unlike the training scans: ${likeness.percentile.toFixed(0)} % of them are more usual; the nearest site is ${likeness.nearestSite}`,
    )
  }
  return warnings
}

/** More digits would be rounding of the device; null, as in JSON, for what is no number. */
function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toFixed(4)) : null
}
