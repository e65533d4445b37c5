import {
  DataError,
  fitIntensityReference,
  intensityDistance,
  intensityFeatures,
  parseIntensityReference,
  phantomImage,
  phantomSubject,
  randomStream,
  SITE_STYLES,
  scaleIntensities,
} from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { inverseOfSymmetric, shrunkCovariance } from '../../src/trust/covariance.ts'

const random = randomStream(12, 'reference')
const normal = (n: number) => Array.from({ length: n }, () => random.normal())

describe('shrunkCovariance', () => {
  it('nears the covariance with many observations and stays invertible with few', () => {
    const draw = () => {
      const [a, b, c] = normal(3) as [number, number, number]
      return [a, 0.9 * a + 0.4 * b, 3 * c]
    }
    const many = shrunkCovariance(Array.from({ length: 4000 }, draw))
    expect(many[2]![2]).toBeGreaterThan(8)
    // A tenth of every correlation is always taken away.
    expect(many[0]![1]! / Math.sqrt(many[0]![0]! * many[1]![1]!)).toBeCloseTo(
      0.9 * (0.9 / Math.sqrt(0.97)),
      1,
    )
    const few = shrunkCovariance(Array.from({ length: 3 }, () => normal(8)))
    const product = inverseOfSymmetric(few).map((row) =>
      few.map((_, j) => row.reduce((sum, value, k) => sum + value * few[k]![j]!, 0)),
    )
    product.forEach((row, i) => {
      row.forEach((value, j) => {
        expect(value).toBeCloseTo(i === j ? 1 : 0, 6)
      })
    })
  })
})

describe('intensityFeatures', () => {
  it('holds deciles, the noise and the mean step along x', () => {
    const ramp = Float32Array.from({ length: 101 }, (_, i) => i / 100)
    const features = intensityFeatures(ramp, new Uint8Array(101).fill(1))
    expect(features).toHaveLength(11)
    features.forEach((value, i) => {
      expect(value).toBeCloseTo(i < 9 ? (i + 1) / 10 : i === 9 ? 0 : 0.01, 5)
    })
    const noise = Float32Array.from(normal(40000), (v) => 0.05 * v)
    expect(intensityFeatures(noise, new Uint8Array(40000).fill(1))[9]).toBeCloseTo(0.05, 2)
  })

  it('looks at the mask alone and refuses an empty one', () => {
    const image = Float32Array.from(normal(300))
    const mask = Uint8Array.from(image, (_, i) => (i > 100 && i < 200 ? 1 : 0))
    const other = image.map((v, i) => (mask[i] ? v : 9))
    expect(intensityFeatures(other, mask)).toEqual(intensityFeatures(image, mask))
    expect(() => intensityFeatures(image, new Uint8Array(300))).toThrow(DataError)
  })
})

describe('an intensity reference', () => {
  const clouds = (centre: number, count: number) =>
    Array.from({ length: count }, () => normal(5).map((v) => centre + 0.1 * v))
  const rows = [...clouds(0, 12), ...clouds(1, 12)]
  const sites = rows.map((_, i) => (i < 12 ? 'paris' : 'montreal'))
  const reference = fitIntensityReference(rows, sites)

  it('is 0 away at the mean, and as far as the definition says elsewhere', () => {
    expect(intensityDistance(reference, reference.mean).distance).toBeCloseTo(0, 9)
    const features = [1, 0, 0.5, 0.2, 0]
    const delta = features.map((v, j) => v - reference.mean[j]!)
    const inverse = inverseOfSymmetric(shrunkCovariance(rows))
    const squared = delta.reduce(
      (sum, a, j) => sum + delta.reduce((s, b, k) => s + a * b * inverse[j]![k]!, 0),
      0,
    )
    expect(intensityDistance(reference, features).distance).toBeCloseTo(Math.sqrt(squared), 9)
  })

  it('names the nearest site and places a scan among the training scans', () => {
    const [near, far] = [clouds(1, 1)[0]!, [5, 5, 5, 5, 5]]
    expect(intensityDistance(reference, near).nearestSite).toBe('montreal')
    expect(intensityDistance(reference, clouds(0, 1)[0]!).nearestSite).toBe('paris')
    expect(intensityDistance(reference, far).percentile).toBe(100)
    expect(intensityDistance(reference, reference.mean).percentile).toBe(0)
  })

  it('judges every training scan by the others', () => {
    const left = rows.map((row, i) => {
      const others = rows.filter((_, j) => j !== i)
      return intensityDistance(fitIntensityReference(others, sites.slice(1)), row).distance
    })
    expect(reference.distances).toHaveLength(24)
    left
      .sort((a, b) => a - b)
      .forEach((distance, i) => {
        expect(reference.distances[i]).toBeCloseTo(distance, 9)
      })
  })

  it('comes back from JSON, and nothing else passes for one', () => {
    const parsed = parseIntensityReference(JSON.parse(JSON.stringify(reference)))
    expect(parsed).toEqual(reference)
    const broken = [
      null,
      'text',
      {},
      { ...reference, mean: [] },
      { ...reference, distances: ['1'] },
      { ...reference, inverseCovariance: [[1]] },
      { ...reference, sites: [] },
      { ...reference, sites: [{ site: 'paris' }] },
    ]
    for (const value of broken) expect(parseIntensityReference(value)).toBeUndefined()
  })

  it('needs four scans with as many sites, and the same features of all', () => {
    expect(() => fitIntensityReference(rows.slice(0, 3), sites.slice(0, 3))).toThrow(DataError)
    expect(() => fitIntensityReference(rows, sites.slice(1))).toThrow(DataError)
    expect(() => fitIntensityReference([...rows.slice(1), [1]], sites)).toThrow(DataError)
    expect(() => intensityDistance(reference, [1])).toThrow(DataError)
  })

  it('tells a site that training never saw, from four scans on', () => {
    const shape = [54, 62, 48] as const
    const people = [0, 1].map((subject) => phantomSubject({ seed: 3, subject, shape, voxelSize: 2.7 }))
    const features = (subject: number, style: keyof typeof SITE_STYLES) => {
      const person = people[subject % 2]!
      const { data } = phantomImage(person, SITE_STYLES[style], { seed: 50 + subject })
      return intensityFeatures(scaleIntensities(data, person.mask.data, 'max'), person.mask.data)
    }
    const styles = ['adult', 'adult', 'adult-thick', 'adult-thick'] as const
    const learned = fitIntensityReference(
      styles.map((style, subject) => features(subject, style)),
      [...styles],
    )
    const known = intensityDistance(learned, features(5, 'adult'))
    const infant = intensityDistance(learned, features(5, 'infant'))
    expect(known.nearestSite).toBe('adult')
    expect(known.percentile).toBeLessThan(100)
    expect(infant.percentile).toBe(100)
    expect(infant.distance).toBeGreaterThan(2 * known.distance)
  })
})
