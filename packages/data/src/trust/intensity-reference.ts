import { DataError } from '../errors.ts'
import { sortedQuantile } from '../metrics/quantile.ts'
import { inverseOfSymmetric, shrunkCovariance } from './covariance.ts'

/** What the intensities of the training scans look like; plain numbers that can be stored as JSON. */
export interface IntensityReference {
  /** Mean of each feature over the training scans. */
  readonly mean: readonly number[]
  /** Inverse of the shrunk covariance of the features, row by row. */
  readonly inverseCovariance: readonly (readonly number[])[]
  /** Ascending distances of the training scans, each from a reference that was made without it. */
  readonly distances: readonly number[]
  /** Mean features of each site. */
  readonly sites: readonly { readonly site: string; readonly mean: readonly number[] }[]
}

/** How far a scan is from the training scans. */
export interface IntensityDistance {
  /** Mahalanobis distance of the features to their mean over the training scans. */
  readonly distance: number
  /** Share in % of the training scans that are nearer, each judged by a reference made without it. */
  readonly percentile: number
  /** Training site whose mean features are nearest. */
  readonly nearestSite: string
}

/** Fewest training scans that a spread can be learnt from. */
const FEWEST_SCANS = 4

/**
 * Numbers that describe the intensities of a scan, scaled as the networks see it: the nine deciles of the brain, the
 * noise and the mean step between neighbours.
 *
 * Neighbours are those next to each other in memory, which is along x. Noise is the robust standard deviation of
 * second differences; tissue borders are outliers of them. Throws DataError when the mask is empty.
 */
export function intensityFeatures(image: Float32Array, mask: Uint8Array): number[] {
  const brain = image.filter((_, i) => mask[i]! > 0).sort()
  if (brain.length === 0) throw new DataError('Intensity features: the brain mask is empty.')
  const deciles = Array.from({ length: 9 }, (_, i) => sortedQuantile(brain, (i + 1) / 10))
  const curvatures: number[] = []
  let steps = 0
  for (let i = 1; i + 1 < image.length; i++) {
    if (!mask[i - 1] || !mask[i] || !mask[i + 1]) continue
    curvatures.push(Math.abs(image[i - 1]! - 2 * image[i]! + image[i + 1]!))
    steps += Math.abs(image[i + 1]! - image[i]!)
  }
  const count = Math.max(1, curvatures.length)
  // The second difference of independent noise has 1 + 4 + 1 times its variance.
  const spread = curvatures.length > 0 ? sortedQuantile(Float64Array.from(curvatures).sort(), 0.5) : 0
  return [...deciles, (1.4826 * spread) / Math.sqrt(6), steps / count]
}

/**
 * Learns what scans look like from the features of the training scans; `sites[i]` is the site of `features[i]`.
 *
 * The covariance is shrunk ({@link shrunkCovariance}), so four scans suffice. The distances are leave-one-out: a
 * scan that took part in the mean and the covariance is always nearer than a new one of the same kind.
 * Throws DataError for fewer scans, or features that differ in number.
 */
export function fitIntensityReference(
  features: readonly (readonly number[])[],
  sites: readonly string[],
): IntensityReference {
  const length = features[0]?.length ?? 0
  if (features.length < FEWEST_SCANS || sites.length !== features.length) {
    throw new DataError(
      `An intensity reference needs ${FEWEST_SCANS} training scans or more with a site each, not ${features.length} with ${sites.length} sites.`,
    )
  }
  if (length === 0 || features.some((row) => row.length !== length)) {
    throw new DataError('An intensity reference needs the same features of every training scan.')
  }
  const distances = features.map((row, left) => {
    const others = spreadOf(features.filter((_, i) => i !== left))
    return mahalanobis(row, others.mean, others.inverseCovariance)
  })
  return {
    ...spreadOf(features),
    distances: distances.sort((a, b) => a - b),
    sites: [...new Set(sites)].map((site) => ({
      site,
      mean: meanOf(features.filter((_, i) => sites[i] === site)),
    })),
  }
}

/** How far a scan's {@link intensityFeatures} are from the training's. Throws DataError when their number differs. */
export function intensityDistance(
  reference: IntensityReference,
  features: readonly number[],
): IntensityDistance {
  const { mean, inverseCovariance, distances, sites } = reference
  if (features.length !== mean.length) {
    throw new DataError(`The intensity reference has ${mean.length} features, the scan ${features.length}.`)
  }
  const distance = mahalanobis(features, mean, inverseCovariance)
  const nearer = distances.filter((other) => other < distance).length
  const toSites = sites.map((site) => mahalanobis(features, site.mean, inverseCovariance))
  return {
    distance,
    percentile: (100 * nearer) / distances.length,
    nearestSite: sites[toSites.indexOf(Math.min(...toSites))]!.site,
  }
}

/** The value as an intensity reference if it is one, for example after JSON; undefined otherwise. */
export function parseIntensityReference(value: unknown): IntensityReference | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { mean, inverseCovariance, distances, sites } = value as Record<string, unknown>
  if (!isNumbers(mean) || mean.length === 0 || !isNumbers(distances) || distances.length === 0)
    return undefined
  const fits = (row: unknown): row is number[] => isNumbers(row) && row.length === mean.length
  if (!Array.isArray(inverseCovariance) || inverseCovariance.length !== mean.length) return undefined
  if (!inverseCovariance.every(fits) || !Array.isArray(sites) || sites.length === 0) return undefined
  const isSite = (site: unknown): site is IntensityReference['sites'][number] =>
    typeof site === 'object' &&
    site !== null &&
    typeof (site as { site?: unknown }).site === 'string' &&
    fits((site as { mean?: unknown }).mean)
  return sites.every(isSite) ? { mean, inverseCovariance, distances, sites } : undefined
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isFinite(item))
}

function spreadOf(features: readonly (readonly number[])[]) {
  return { mean: meanOf(features), inverseCovariance: inverseOfSymmetric(shrunkCovariance(features)) }
}

function meanOf(rows: readonly (readonly number[])[]): number[] {
  return rows[0]!.map((_, j) => rows.reduce((sum, row) => sum + row[j]!, 0) / rows.length)
}

function mahalanobis(
  features: readonly number[],
  mean: readonly number[],
  inverse: readonly (readonly number[])[],
): number {
  const delta = features.map((value, j) => value - mean[j]!)
  const squared = delta.reduce(
    (sum, d, j) => sum + d * inverse[j]!.reduce((row, weight, k) => row + weight * delta[k]!, 0),
    0,
  )
  return Math.sqrt(Math.max(0, squared))
}
