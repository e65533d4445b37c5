import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IDENTITY_AFFINE, makeVolume, type Shape3 } from '../../src/image/volume.ts'
import { prepareSubject } from '../../src/prepare-subject.ts'
import { randomStream } from '../../src/random.ts'
import type { BrainImage } from '../../src/scaling/method.ts'
import {
  applyStandardScale,
  LANDMARK_PERCENTILES,
  landmarksOf,
  learnStandardScale,
  standardiser,
} from '../../src/scaling/standard-scale.ts'
import { scaleIntensities } from '../../src/scaling.ts'

const SHAPE: Shape3 = [12, 10, 9]
const COUNT = SHAPE[0] * SHAPE[1] * SHAPE[2]

/** Two tissues and noise above 0; air in the first slice. */
function image(
  seed: number,
  contrast: (value: number) => number = (value) => value,
): Float32Array<ArrayBuffer> {
  const stream = randomStream(seed, 'image')
  return Float32Array.from({ length: COUNT }, (_, voxel) =>
    voxel < SHAPE[0] * SHAPE[1] ? 0 : contrast((voxel % 3 === 0 ? 0.3 : 0.7) + 0.05 * stream.normal()),
  )
}

const brain = (values: Float32Array<ArrayBuffer>): BrainImage => ({
  channels: 1,
  image: values,
  mask: Uint8Array.from(values, (value) => (value > 0 ? 1 : 0)),
})

describe('landmarksOf', () => {
  it('gives the percentiles', () => {
    const values = Float32Array.from({ length: 1001 }, (_, index) => index)
    expect(landmarksOf(values)).toEqual(LANDMARK_PERCENTILES.map((percentile) => 10 * percentile))
  })
})

describe('standardiser', () => {
  const ascending = (count: number) =>
    fc
      .array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: count, maxLength: count })
      .map((steps) => steps.map((_, index) => steps.slice(0, index + 1).reduce((sum, step) => sum + step, 0)))

  it('interpolates between the neighbouring landmarks, as found by looking at all', () => {
    const drawn = fc.record({
      landmarks: ascending(5),
      scale: ascending(5).map((values) => values.map((value) => 0.1 + (0.8 * value) / 5)),
      value: fc.double({ min: -2, max: 7, noNaN: true }),
    })
    fc.assert(
      fc.property(drawn, ({ landmarks, scale, value }) => {
        const lines = [0, 1, 2, 3].map((piece) => {
          const share = (value - landmarks[piece]!) / (landmarks[piece + 1]! - landmarks[piece]!)
          return scale[piece]! * (1 - share) + scale[piece + 1]! * share
        })
        const inside = [0, 1, 2, 3].find(
          (piece) => landmarks[piece]! <= value && value <= landmarks[piece + 1]!,
        )
        const wanted = lines[inside ?? (value < landmarks[0]! ? 0 : 3)]!
        expect(standardiser(landmarks, scale)(value)).toBeCloseTo(Math.min(1, Math.max(0, wanted)), 9)
      }),
    )
  })

  it('never turns the order of values round, even where landmarks coincide', () => {
    const few = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 11, maxLength: 11 })
    const levels = fc.array(fc.double({ min: -1, max: 6, noNaN: true }), { minLength: 2, maxLength: 9 })
    fc.assert(
      fc.property(few, levels, (drawn, values) => {
        const scale = LANDMARK_PERCENTILES.map((_, index) => 0.1 + 0.08 * index)
        const standardise = standardiser(
          drawn.sort((a, b) => a - b),
          scale,
        )
        const results = values.sort((a, b) => a - b).map(standardise)
        expect(results.every(Number.isFinite)).toBe(true)
        expect(results).toEqual([...results].sort((a, b) => a - b))
      }),
    )
  })

  it('goes to the upper end of a step, and stays in 0..1 beyond the ends', () => {
    const standardise = standardiser([10, 20, 20, 30], [0.1, 0.3, 0.5, 0.9])
    expect(
      [10, 15, 19.999, 20, 25, 30, 31, 40, 5, 0].map((value) => Number(standardise(value).toFixed(3))),
    ).toEqual([0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.94, 1, 0, 0])
    expect([9, 10, 40].map(standardiser([10, 10, 20, 20], [0.1, 0.3, 0.5, 0.9]))).toEqual([0.1, 0.3, 0.9])
  })
})

describe('learnStandardScale', () => {
  it('is the mean of the landmarks, each subject brought to 0.1..0.9', () => {
    const subjects = [image(1), image(2, (value) => 500 * value ** 2)].map(brain)
    const [scale] = learnStandardScale(subjects)
    expect(scale).toHaveLength(11)
    expect(scale![0]).toBeCloseTo(0.1, 12)
    expect(scale![10]).toBeCloseTo(0.9, 12)
    const landmarks = subjects.map(({ image: values, mask }) =>
      landmarksOf(values.filter((_, voxel) => mask[voxel]! > 0).sort()),
    )
    const mapped = landmarks.map((own) =>
      own.map((value) => 0.1 + (0.8 * (value - own[0]!)) / (own[10]! - own[0]!)),
    )
    scale!.forEach((value, index) => {
      expect(value).toBeCloseTo((mapped[0]![index]! + mapped[1]![index]!) / 2, 12)
    })
  })

  it('learns the same from images that were scaled linearly before', () => {
    const raw = [1, 2, 3].map((seed) => brain(image(seed)))
    const scaled = raw.map((subject) => ({
      ...subject,
      image: scaleIntensities(subject.image, subject.mask, 'nyul'),
    }))
    const [a, b] = [learnStandardScale(raw)[0]!, learnStandardScale(scaled)[0]!]
    a.forEach((value, index) => {
      expect(value).toBeCloseTo(b[index]!, 5)
    })
  })

  it('takes the channels one by one', () => {
    const [one, two] = [image(1), image(2, (value) => 9 - 5 * value)]
    const mask = brain(one).mask
    const both = Float32Array.from({ length: 2 * COUNT }, (_, index) => [one, two][index % 2]![index >> 1]!)
    const scales = learnStandardScale([{ channels: 2, image: both, mask }])
    expect(scales).toEqual([
      learnStandardScale([{ channels: 1, image: one, mask }])[0],
      learnStandardScale([{ channels: 1, image: two, mask }])[0],
    ])
    const standard = applyStandardScale({ channels: 2, image: both, mask }, scales).image
    expect(standard.filter((_, index) => index % 2 === 1)).toEqual(
      applyStandardScale({ channels: 1, image: two, mask }, [scales[1]!]).image,
    )
  })
})

describe('the scaling nyul', () => {
  const volumes = (data: Float32Array<ArrayBuffer>) => ({
    images: [{ file: 'a.nii', volume: makeVolume(SHAPE, data, IDENTITY_AFFINE) }],
  })
  const prepare = (data: Float32Array<ArrayBuffer>, standardScale?: number[][]) =>
    prepareSubject({ id: 'a', site: 'x' }, volumes(data), {
      scaling: 'nyul',
      maskFrom: 'positive',
      ...(standardScale === undefined ? {} : { standardScale }),
    })

  it('makes one image of an image and its other contrasts', () => {
    const standardScale = learnStandardScale([1, 2, 3].map((seed) => prepare(image(seed))))
    const plain = prepare(image(9), standardScale).image
    const linear = prepare(
      image(9, (value) => 300 * value + 7),
      standardScale,
    ).image
    const curved = prepare(
      image(9, (value) => value ** 1.5),
      standardScale,
    ).image
    const apart = (other: Float32Array) =>
      Math.max(...plain.map((value, voxel) => Math.abs(value - other[voxel]!)))
    expect(apart(linear)).toBeLessThan(1e-5)
    // Between landmarks the curve is replaced by lines, which is all that the method promises.
    expect(apart(curved)).toBeLessThan(0.05)
    expect(Math.min(...plain)).toBe(0)
    expect(Math.max(...plain)).toBeLessThanOrEqual(1)
  })

  it('is the same in one step as in two, as a training takes them', () => {
    const standardScale = learnStandardScale([1, 2].map((seed) => prepare(image(seed))))
    const once = prepare(image(7), standardScale)
    const twice = applyStandardScale(prepare(image(7)), standardScale)
    expect(twice.mask).toEqual(once.mask)
    twice.image.forEach((value, voxel) => {
      expect(Math.abs(value - once.image[voxel]!)).toBeLessThan(1e-5)
    })
  })

  it('refuses an image without contrast', () => {
    expect(() => prepare(new Float32Array(COUNT).fill(3))).toThrow('a.nii: The image has no intensities')
  })
})
