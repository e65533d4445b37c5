import {
  fitIntensityReference,
  intensityFeatures,
  makeVolume,
  type NamedVolume,
  type PreparedSubject,
  prepareSubject,
  STRUCTURE_LIMIT,
  segmentClassically,
} from '@voxnorm/data'
import type { PredictedVolume } from '@voxnorm/models'
import { describe, expect, it } from 'vitest'
import { assess, intensityReferenceOf } from '../../src/prediction/trust.ts'
import { trustFields, trustRows, trustWarnings } from '../../src/prediction/trust-outputs.ts'
import { faithfulNetwork, HEAD, head, inventingNetwork, named } from './examples.ts'

const windows = { window: 16, stride: 8 }
const facts = { modalities: ['T1w'], windows, normalized: true }

const prepare = (...images: NamedVolume[]): PreparedSubject =>
  prepareSubject({ id: 's', site: 'a' }, { images }, { scaling: 'max' })
const plain = prepare(named(makeVolume(HEAD, head())))

/** The head with noise of its own; sites differ a little in contrast, and a scan of another `curve` differs a lot. */
function scan(number: number, curve = number % 2 === 0 ? 1 : 1.1): PreparedSubject {
  const image = plain.image.map((value, voxel) =>
    value > 0 ? value ** curve + 0.01 * Math.sin(voxel * (number + 1)) : 0,
  )
  return { ...plain, site: number % 2 === 0 ? 'even' : 'odd', image }
}

describe('assess', () => {
  it('finds nothing changed by a network that keeps the image', async () => {
    const { trust, residual, changed } = assess(plain, await faithfulNetwork(plain), facts)
    expect(trust.structure).toMatchObject({ modality: 'T1w', structureIndex: 1, seamIndex: 1 })
    expect(trust.structure!.ssim).toBeCloseTo(1, 3)
    expect(trust.structure!.edgeF1).toBeCloseTo(1, 3)
    expect(trust.classical.dice).toEqual({ CSF: 1, GM: 1, WM: 1 })
    expect(trust.classical.volumeChange).toEqual({ CSF: 0, GM: 0, WM: 0 })
    expect(changed!.some((value) => value > 0)).toBe(false)
    expect(Math.max(...residual!.map(Math.abs))).toBeLessThan(0.1)
    expect(trust.likeness).toBeUndefined()
    expect(trustWarnings(trust)).toEqual([])
  })

  it('finds a block that a network invents, where it is', async () => {
    const { trust, changed } = assess(plain, await inventingNetwork(plain), facts)
    expect(trust.structure!.structureIndex).toBeLessThan(STRUCTURE_LIMIT)
    const [x, y, z] = [11, 12, 10]
    expect(changed![x + HEAD[0] * (y + HEAD[1] * z)]).toBe(1)
    expect(trust.classical.volumeChange!.WM).toBeLessThan(-10)
    expect(trust.classical.volumeChange!.CSF).toBeGreaterThan(1)
    expect(trustWarnings(trust)).toEqual([expect.stringContaining('the anatomy may be changed')])
  })

  it('judges a subject by the modality that is kept worst, and shows the first', async () => {
    const pair = prepare(named(makeVolume(HEAD, head()), 'a.nii'), named(makeVolume(HEAD, head()), 'b.nii'))
    const [kept, invented] = [await faithfulNetwork(plain), await inventingNetwork(plain)]
    const join = (first: PredictedVolume, second: PredictedVolume) => ({
      probabilities: first.probabilities,
      labels: first.labels,
      normalized: pair.image.map(
        (_, index) => (index % 2 === 0 ? first : second).normalized[Math.floor(index / 2)]!,
      ),
    })
    const two = { ...facts, modalities: ['T1w', 'T2w'] }
    const second = assess(pair, join(kept, invented), two)
    expect(second.trust.structure!.modality).toBe('T2w')
    expect(second.trust.structure!.structureIndex).toBeLessThan(STRUCTURE_LIMIT)
    expect(second.changed!.some((value) => value > 0)).toBe(false)
    expect(assess(pair, join(invented, kept), two).trust.structure!.modality).toBe('T1w')
  })

  it('without a generator speaks of tissues and likeness only', async () => {
    const output = await faithfulNetwork(plain)
    const { trust, residual } = assess(plain, output, { ...facts, normalized: false })
    expect(trust.structure).toBeUndefined()
    expect(trust.classical.dice).toBeUndefined()
    const { labels } = output
    const classical = segmentClassically(plain.image, plain.mask, HEAD, labels)
    const [ours, theirs] = [labels, classical].map((map) => map.filter((label) => label === 3).length)
    expect(trust.classical.segmenterVolumes.WM).toBeCloseTo(100 * (ours! / theirs! - 1), 10)
    expect(residual).toBeUndefined()
  })

  it('tells a scan that looks unlike the training scans', async () => {
    const reference = intensityReferenceOf(Array.from({ length: 8 }, (_, number) => scan(number)))!
    const likenessOf = async (subject: PreparedSubject) => {
      const output = await faithfulNetwork(subject)
      return assess(subject, output, { ...facts, intensityReference: reference }).trust
    }
    const like = await likenessOf(scan(3))
    const unlike = await likenessOf(scan(3, 0.3))
    expect(unlike.likeness!.percentile).toBe(100)
    expect(unlike.likeness!.distance).toBeGreaterThan(5 * like.likeness!.distance)
    expect(trustWarnings(unlike).join()).toContain('unlike the training scans')
    expect(like.likeness!.nearestSite).toBe('odd')
  })
})

describe('intensityReferenceOf', () => {
  it('takes the features of every modality, of no fewer than four scans', () => {
    const scans = [0, 1, 2, 3].map((number) => scan(number))
    expect(intensityReferenceOf(scans.slice(1))).toBeUndefined()
    const features = scans.map(({ image, mask }) => intensityFeatures(image, mask))
    const sites = scans.map(({ site }) => site)
    expect(intensityReferenceOf(scans)).toEqual(fitIntensityReference(features, sites))
  })
})

describe('what is written of trust', () => {
  const trust = {
    structure: {
      modality: 'T1w',
      structureIndex: 0.987654321,
      ssim: 0.9,
      gradientCorrelation: 0.8,
      edgeF1: 0.7,
      seamIndex: Number.NaN,
    },
    classical: {
      dice: { CSF: 0.9, GM: 0.91, WM: 0.92 },
      volumeChange: { CSF: 1, GM: -2, WM: 3 },
      segmenterVolumes: { CSF: Number.POSITIVE_INFINITY, GM: 0, WM: 5.5 },
    },
    likeness: { distance: 3.25, percentile: 99, nearestSite: 'b' },
  }

  it('has a row for every measure, and a meaning in every row', () => {
    const rows = trustRows(trust)
    const values = Object.fromEntries(rows.map(({ measure, value }) => [measure, value]))
    expect(values).toMatchObject({
      structure_index: 0.9877,
      seam_index: 'n/a',
      classical_dice_GM: 0.91,
      classical_volume_change_percent_GM: -2,
      network_volume_difference_percent_CSF: 'n/a',
      out_of_distribution_percentile: 99,
      nearest_training_site: 'b',
    })
    expect(rows).toHaveLength(6 + 9 + 3)
    for (const { meaning } of rows) expect(meaning.length).toBeGreaterThan(20)
  })

  it('has the same numbers in a sidecar, and none that do not exist', () => {
    expect(trustFields(trust)).toMatchObject({
      StructureIndex: 0.9877,
      SeamIndex: null,
      ClassicalVolumeChangePercent: { GM: -2 },
      OutOfDistributionScore: 99,
      OutOfDistributionDistance: 3.25,
      NearestTrainingSite: 'b',
    })
    const bare = { classical: { segmenterVolumes: trust.classical.segmenterVolumes } }
    expect(Object.keys(trustFields(bare))).toEqual(['NetworkVolumeDifferencePercent'])
  })
})
