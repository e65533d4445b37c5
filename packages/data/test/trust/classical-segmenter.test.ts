import {
  DataError,
  phantomImage,
  phantomSubject,
  randomStream,
  SITE_STYLES,
  scaleIntensities,
  segmentClassically,
  tissueDice,
} from '@voxnorm/data'
import { describe, expect, it } from 'vitest'
import { iteratedConditionalModes } from '../../src/trust/conditional-modes.ts'
import { fitMixture } from '../../src/trust/mixture.ts'

const random = randomStream(6, 'mixture')

describe('fitMixture', () => {
  it('recovers weights, means and width of a sample of known components', () => {
    const means = [10, 50, 80]
    const values = Float32Array.from(
      { length: 30000 },
      (_, i) => means[[0, 1, 1, 1, 2, 2][i % 6]!]! + 6 * random.normal(),
    )
    const fit = fitMixture(values)
    expect(Math.abs(fit.deviation - 6)).toBeLessThan(0.2)
    fit.means.forEach((mean, k) => {
      expect(Math.abs(mean - means[k]!)).toBeLessThan(0.5)
      expect(Math.abs(fit.weights[k]! - [1 / 6, 1 / 2, 1 / 3][k]!)).toBeLessThan(0.01)
    })
  })

  it('stays finite for an image that does not vary', () => {
    const fit = fitMixture(new Float32Array(100).fill(4))
    expect([...fit.weights, ...fit.means, fit.deviation].every(Number.isFinite)).toBe(true)
  })
})

describe('iteratedConditionalModes', () => {
  const mixture = { weights: [0.4, 0.3, 0.3], means: [0, 1, 2], deviation: 0.3 }

  it('takes the most likely component of a lone voxel and lets neighbours overrule a doubtful one', () => {
    const image = new Float32Array(27)
    image[13] = 0.6
    const lone = Uint8Array.from(image, (_, i) => (i === 13 ? 1 : 0))
    expect(iteratedConditionalModes(image, lone, [3, 3, 3], mixture)[13]).toBe(2)
    const everywhere = new Uint8Array(27).fill(1)
    expect(iteratedConditionalModes(image, everywhere, [3, 3, 3], mixture)).toEqual(everywhere)
  })

  it('ends where no single voxel can raise the posterior', () => {
    const shape = [5, 4, 4] as const
    const image = Float32Array.from({ length: 80 }, () => random.integer(3) + 0.5 * random.normal())
    const clusters = iteratedConditionalModes(image, new Uint8Array(80).fill(1), shape, mixture)
    const energy = (map: ArrayLike<number>) => {
      let sum = 0
      for (let i = 0; i < 80; i++) {
        const k = map[i]! - 1
        sum += Math.log(mixture.weights[k]!) - 0.5 * ((image[i]! - mixture.means[k]!) / 0.3) ** 2
        const [x, y, z] = [i % 5, Math.floor(i / 5) % 4, Math.floor(i / 20)]
        if (x < 4 && map[i] === map[i + 1]) sum += 0.6
        if (y < 3 && map[i] === map[i + 5]) sum += 0.6
        if (z < 3 && map[i] === map[i + 20]) sum += 0.6
      }
      return sum
    }
    for (let i = 0; i < 80; i++) {
      for (const cluster of [1, 2, 3]) {
        const other = clusters.slice()
        other[i] = cluster
        expect(energy(other)).toBeLessThanOrEqual(energy(clusters) + 1e-9)
      }
    }
  })
})

describe('segmentClassically', () => {
  const shape = [54, 62, 48] as const
  const person = phantomSubject({ seed: 2, subject: 0, shape, voxelSize: 2.7 })
  const [mask, truth] = [person.mask.data, person.label.data]
  const take = (style: 'adult' | 'adult-bright', scaling: 'max' | 'zscore') =>
    scaleIntensities(phantomImage(person, SITE_STYLES[style], { seed: 1 }).data, mask, scaling)

  it('recovers the tissues of an adult with a strong sensitivity field, for either scaling', () => {
    for (const scaling of ['max', 'zscore'] as const) {
      expect(
        tissueDice(segmentClassically(take('adult', scaling), mask, shape, truth), truth).mean,
      ).toBeGreaterThan(0.85)
    }
    const bright = segmentClassically(take('adult-bright', 'max'), mask, shape, truth)
    expect(tissueDice(bright, truth).mean).toBeGreaterThan(0.8)
  })

  it('takes from the reference names alone', () => {
    const image = take('adult', 'max')
    const plain = segmentClassically(image, mask, shape, truth)
    const rough = truth.map((label, i) => (i % 3 === 0 && label > 0 ? 1 + (i % 2) : label))
    expect(segmentClassically(image, mask, shape, rough)).toEqual(plain)
    const renamed = segmentClassically(
      image,
      mask,
      shape,
      truth.map((label) => [0, 3, 1, 2][label]!),
    )
    expect(renamed).toEqual(plain.map((label) => [0, 3, 1, 2][label]!))
  })

  it('stays outside the mask and refuses bad input', () => {
    const image = take('adult', 'max')
    expect(
      segmentClassically(image, mask, shape, truth).every((label, i) => label > 0 === mask[i]! > 0),
    ).toBe(true)
    expect(() =>
      segmentClassically(
        image,
        mask.map(() => 0),
        shape,
        truth,
      ),
    ).toThrow(DataError)
    expect(() => segmentClassically(image, mask, [54, 62, 47], truth)).toThrow(DataError)
  })
})
