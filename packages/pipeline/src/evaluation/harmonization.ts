import {
  CLASSES,
  intensityHistogram,
  jensenShannon,
  jensenShannonBound,
  TISSUES,
  type Tissue,
  wasserstein1,
} from '@voxnorm/data'
import { classifiableSites, classifySites } from './site-classifier.ts'

/** A tissue, or all of the brain. */
export type Region = Tissue | 'all'

/** Intensities of one subject before and after, by region, and of its labels painted as an image. */
export interface SubjectIntensities {
  readonly site: string
  readonly painted: Readonly<Record<Region, Float32Array>>
  readonly raw: Readonly<Record<Region, Float32Array>>
  readonly normalized: Readonly<Record<Region, Float32Array>>
}

/** A row of harmonization.tsv; `all` stands for every site at once, or for the whole brain. */
export interface HarmonizationRow {
  readonly measure: string
  readonly site_a: string
  readonly site_b: string
  readonly tissue: Region
  readonly raw: number
  readonly normalized: number
}

/** Columns of harmonization.tsv. */
export const HARMONIZATION_COLUMNS = ['measure', 'site_a', 'site_b', 'tissue', 'raw', 'normalized'] as const

const REGIONS: readonly Region[] = ['all', ...TISSUES]
const BINS = 256
/** What background, CSF, grey and white matter are painted with: no scanner is left in such an image. */
const GREYS = [0, 0.2, 0.5, 0.8] as const
/** Sorting tens of millions of voxels tells nothing that an even sample of this size does not. */
const SAMPLE = 200_000

/**
 * Splits the brain voxels of an image before and after into regions.
 *
 * `mask` says which voxels count and `labels` holds internal classes, all in one voxel order. More than 200,000 voxels
 * of a region are thinned evenly.
 */
export function collectIntensities(
  site: string,
  raw: Float32Array,
  normalized: Float32Array,
  mask: ArrayLike<number>,
  labels: ArrayLike<number>,
): SubjectIntensities {
  const split = (values: Float32Array) => {
    const entries = REGIONS.map((region) => {
      const label = (CLASSES as readonly string[]).indexOf(region)
      const inside = values.filter(
        (_, voxel) => mask[voxel]! > 0 && (region === 'all' || labels[voxel] === label),
      )
      return [region, thin(inside)] as const
    })
    return Object.fromEntries(entries) as Record<Region, Float32Array>
  }
  const painted = Float32Array.from(labels, (label) => GREYS[label]!)
  return { site, raw: split(raw), normalized: split(normalized), painted: split(painted) }
}

/**
 * How alike the sites are before and after.
 *
 * `jsd`: generalised Jensen-Shannon divergence in nats of the sites' histograms (256 bins over the common range),
 * over all sites and for every pair, with `jsd_bound` beside it; `wasserstein`: distance between the intensities of two
 * sites in units of the scaled image; `site_classifier_accuracy`: see {@link classifySites}, with
 * `site_classifier_chance` for the sites that it can judge, and `site_classifier_floor`, its accuracy on the painted
 * labels: anatomy alone tells sites apart, and a normaliser that keeps it cannot go below. `jsd_in_tissues` is the mean of
 * the divergences within CSF, grey and white matter, over all sites. One site gives no rows.
 */
export function harmonizationRows(subjects: readonly SubjectIntensities[]): HarmonizationRow[] {
  const sites = [...new Set(subjects.map(({ site }) => site))].sort()
  if (sites.length < 2) return []
  const pairs = sites.flatMap((a, index) => sites.slice(index + 1).map((b) => [a, b] as const))
  const rows: HarmonizationRow[] = []
  const add = (
    measure: string,
    [site_a, site_b]: readonly [string, string],
    tissue: Region,
    both: BeforeAfter,
  ) => rows.push({ measure, site_a, site_b, tissue, ...both })
  const everySite = ['all', 'all'] as const

  for (const tissue of REGIONS) {
    add(
      'jsd',
      everySite,
      tissue,
      beforeAfter(subjects, tissue, (pools) => divergence(pools, sites)),
    )
    // With two sites the pair is the whole, so its row would only repeat the one above.
    if (sites.length === 2) continue
    for (const pair of pairs)
      add(
        'jsd',
        pair,
        tissue,
        beforeAfter(subjects, tissue, (pools) => divergence(pools, pair)),
      )
  }
  const within = rows.filter(({ measure, site_a, tissue }) => {
    return measure === 'jsd' && site_a === 'all' && tissue !== 'all'
  })
  const mean = (stage: keyof BeforeAfter) => within.reduce((sum, row) => sum + row[stage], 0) / within.length
  add('jsd_in_tissues', everySite, 'all', { raw: mean('raw'), normalized: mean('normalized') })
  add('jsd_bound', everySite, 'all', same(jensenShannonBound(sites.length)))
  if (sites.length > 2) for (const pair of pairs) add('jsd_bound', pair, 'all', same(jensenShannonBound(2)))
  for (const tissue of REGIONS) {
    for (const [a, b] of pairs) {
      const distance = (pools: Pools) => wasserstein1(pools.get(a)!, pools.get(b)!)
      add('wasserstein', [a, b], tissue, beforeAfter(subjects, tissue, distance))
    }
  }
  add('site_classifier_accuracy', everySite, 'all', {
    raw: classifySites(subjects.map(({ site, raw }) => ({ site, features: features(raw) }))),
    normalized: classifySites(
      subjects.map(({ site, normalized }) => ({ site, features: features(normalized) })),
    ),
  })
  const floor = classifySites(subjects.map(({ site, painted }) => ({ site, features: features(painted) })))
  add('site_classifier_floor', everySite, 'all', same(floor))
  const judged = classifiableSites(subjects.map(({ site }) => site)).length
  add('site_classifier_chance', everySite, 'all', same(judged < 2 ? Number.NaN : 1 / judged))
  return rows
}

interface BeforeAfter {
  readonly raw: number
  readonly normalized: number
}

/** All intensities of a region by site. */
type Pools = ReadonlyMap<string, Float32Array>

function beforeAfter(
  subjects: readonly SubjectIntensities[],
  region: Region,
  measure: (pools: Pools) => number,
): BeforeAfter {
  const pooled = (stage: 'raw' | 'normalized') => {
    const lists = new Map<string, Float32Array[]>()
    for (const subject of subjects) {
      lists.set(subject.site, [...(lists.get(subject.site) ?? []), subject[stage][region]])
    }
    return new Map([...lists].map(([site, parts]) => [site, concatenate(parts)]))
  }
  return { raw: measure(pooled('raw')), normalized: measure(pooled('normalized')) }
}

function same(value: number): BeforeAfter {
  return { raw: value, normalized: value }
}

/** NaN when a site has no voxel of the region. The range is 0 to 1, or wider where values lie outside. */
function divergence(pools: Pools, sites: readonly string[]): number {
  const lists = sites.map((site) => pools.get(site)!)
  if (lists.some((values) => values.length === 0)) return Number.NaN
  let low = 0
  let high = 1
  for (const values of pools.values()) {
    for (const value of values) {
      low = Math.min(low, value)
      high = Math.max(high, value)
    }
  }
  return jensenShannon(lists.map((values) => intensityHistogram(values, { bins: BINS, range: [low, high] })))
}

/** Nine deciles of the brain, and mean and spread of each tissue. */
function features(regions: Readonly<Record<Region, Float32Array>>): number[] {
  const sorted = regions.all.toSorted()
  const deciles = Array.from(
    { length: 9 },
    (_, index) => sorted[Math.floor(((index + 1) / 10) * sorted.length)] ?? 0,
  )
  const moments = TISSUES.flatMap((tissue) => {
    const values = regions[tissue]
    const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
    const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length)
    return [mean, Math.sqrt(square)]
  })
  return [...deciles, ...moments]
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    result.set(part, offset)
    offset += part.length
  }
  return result
}

function thin(values: Float32Array): Float32Array {
  if (values.length <= SAMPLE) return values
  return Float32Array.from(
    { length: SAMPLE },
    (_, index) => values[Math.floor((index * values.length) / SAMPLE)]!,
  )
}
