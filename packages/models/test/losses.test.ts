import { grad } from '@voxnorm/autograd'
import { adversarialLoss, dicePerClass, weightedDice } from '@voxnorm/models'
import { execute, f32, input, type Tensor, u32 } from '@voxnorm/tensor'
import { describe, expect, it } from 'vitest'
import { diceLossOfSums } from '../src/losses.ts'

const WEIGHTS = [0.22, 0.3, 0.2, 0.28]
const VOXELS = 64

describe('the segmentation loss', () => {
  const labels = input('labels', u32(1, VOXELS))
  const s = input('s', f32(1, VOXELS, 4))
  const value = (loss: Tensor, classes: number[], probabilities: number[]) =>
    execute([loss], { inputs: { labels: classes, s: probabilities } })[0]![0]!
  const mixed = Array.from({ length: VOXELS }, (_, index) => index % 4)
  const perfect = mixed.flatMap((label) => [0, 1, 2, 3].map((c) => (c === label ? 1 : 0)))

  it('is 0 for a perfect prediction; the variant of the code then is 0.75', () => {
    expect(value(weightedDice(s, labels, WEIGHTS), mixed, perfect)).toBeCloseTo(0, 12)
    expect(value(dicePerClass(s, labels, WEIGHTS), mixed, perfect)).toBeCloseTo(0.75, 12)
  })

  it('has the known value for a uniform prediction of one class', () => {
    const uniform = new Array<number>(VOXELS * 4).fill(0.25)
    const expected = 1 - (0.5 * 0.2) / (0.25 + 0.2)
    const onlyGrey = new Array<number>(VOXELS).fill(2)
    expect(value(weightedDice(s, labels, WEIGHTS), onlyGrey, uniform)).toBeCloseTo(expected, 5)
    expect(expected).toBeCloseTo(0.7778, 4)
  })

  it('averages over samples, each with a ratio of its own', () => {
    const two = { labels: input('l2', u32(2, 1)), s: input('s2', f32(2, 1, 4)) }
    const loss = weightedDice(two.s, two.labels, WEIGHTS)
    const inputs = { l2: [1, 2], s2: [0, 1, 0, 0, 0, 1, 0, 0] }
    expect(execute([loss], { inputs })[0]![0]).toBeCloseTo(0.5, 4)
  })
})

describe('the segmentation loss from sums', () => {
  it('is the number of the graph', () => {
    const labels = input('labels', u32(2, VOXELS))
    const s = input('s', f32(2, VOXELS, 4))
    const classes = Array.from({ length: 2 * VOXELS }, (_, voxel) => (voxel * voxel) % 3)
    const probabilities = classes.flatMap((_, voxel) => {
      const shares = [1, 2, 3, 4].map((c) => 1 + ((voxel * c) % 7))
      return shares.map((share) => share / shares.reduce((a, b) => a + b))
    })
    const patches = [0, 1].map((n) =>
      [0, 1, 2, 3].map((c) => {
        const sums = { overlap: 0, size: 0 }
        for (let voxel = n * VOXELS; voxel < (n + 1) * VOXELS; voxel++) {
          const here = classes[voxel] === c ? 1 : 0
          sums.overlap += here * probabilities[4 * voxel + c]!
          sums.size += here + probabilities[4 * voxel + c]!
        }
        return sums
      }),
    )
    const inputs = { labels: classes, s: probabilities }
    const [whole, perClass] = execute([weightedDice(s, labels, WEIGHTS), dicePerClass(s, labels, WEIGHTS)], {
      inputs,
    })
    expect(diceLossOfSums(patches, 'global', WEIGHTS)).toBeCloseTo(whole![0]!, 12)
    expect(diceLossOfSums(patches, 'per-class-code', WEIGHTS)).toBeCloseTo(perClass![0]!, 12)
    expect(whole![0]).not.toBeCloseTo(perClass![0]!, 2)
  })
})

describe('the adversarial terms', () => {
  const logits = [0.3, -1.2, 0.9, 2, 0.1, -0.5]
  const x = input('logits', f32(2, 3))
  const sites = input('sites', u32(2))
  const gradient = (kind: Parameters<typeof adversarialLoss>[0]) => {
    const [derivative] = grad(adversarialLoss(kind, x, sites), [x])
    return [...execute([derivative!], { inputs: { logits, sites: [0, 1] } })[0]!]
  }
  const p = [logits.slice(0, 3), logits.slice(3)].map((row) => {
    const sum = row.reduce((total, value) => total + Math.exp(value), 0)
    return row.map((value) => Math.exp(value) / sum)
  })
  const close = (got: number[], expected: number[]) =>
    got.forEach((value, index) => {
      expect(value).toBeCloseTo(expected[index]! / 2, 12)
    })

  it('have the gradients of method.md §1.5', () => {
    close(
      gradient('minimax'),
      p.flatMap(([a, b, f]) => [-a!, -b!, 1 - f!]),
    )
    const avoid = ([a, b, f]: number[]) => [(-f! * a!) / (1 - f!), (-f! * b!) / (1 - f!), f!]
    close(gradient('non-saturating'), p.flatMap(avoid))
    // With K = 2 a patch of site 0 shall be taken for site 1, and the other way round.
    const swap = ([a, b, f]: number[], site: number) => [
      a! - (site === 1 ? 1 : 0),
      b! - (site === 0 ? 1 : 0),
      f!,
    ]
    close(gradient('others'), p.flatMap(swap))
  })

  it('stay finite where the discriminator is certain', () => {
    for (const kind of ['minimax', 'non-saturating', 'others', 'isbi'] as const) {
      const loss = adversarialLoss(kind, x, sites)
      const values = execute([loss, ...grad(loss, [x])], {
        inputs: { logits: [-60, -50, 60, 80, -90, -80], sites: [0, 1] },
      })
      expect(values.flatMap((value) => [...value]).every(Number.isFinite)).toBe(true)
    }
  })
})
