import { grad } from '@voxnorm/autograd'
import {
  type AdversarialTermName,
  adversarialTerm,
  crossEntropy,
  dicePerClass,
  weightedDice,
} from '@voxnorm/models'
import { execute, f32, input, type Tensor, u32 } from '@voxnorm/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crossEntropyOfGenerated, diceLossOfSums } from '../src/losses.ts'

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
  const gradient = (kind: AdversarialTermName) => {
    const [derivative] = grad(adversarialTerm(kind).loss(x, sites), [x])
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

  it('have the gradients that were derived by hand', () => {
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
      const loss = adversarialTerm(kind).loss(x, sites)
      const values = execute([loss, ...grad(loss, [x])], {
        inputs: { logits: [-60, -50, 60, 80, -90, -80], sites: [0, 1] },
      })
      expect(values.flatMap((value) => [...value]).every(Number.isFinite)).toBe(true)
    }
  })
})

describe('the term against what betrays the site', () => {
  const rows = 3
  const twoSites = input('logits', f32(rows, 4))
  const sites = input('sites', u32(rows))
  const logits = [0.3, -1.2, 0.9, 2, 0.1, -0.5, 1.5, -0.7, -2, 0.4, 0.6, 0.6]
  const values = (tensors: Tensor[], at = logits) =>
    execute(tensors, { inputs: { logits: at, sites: [0, 1, 1] } }).map((value) => [...value])
  const probabilities = Array.from({ length: rows }, (_, n) => {
    const row = logits.slice(4 * n, 4 * n + 4).map(Math.exp)
    return row.map((value) => value / row.reduce((a, b) => a + b))
  })
  const mean = (of: (p: number[]) => number) =>
    probabilities.reduce((sum, p) => sum + of(p) / probabilities.length, 0)

  it('is the surprise at real, and the divergence of the generated classes from uniform', () => {
    const [[value]] = values([adversarialTerm('confusion').loss(twoSites, sites)]) as [[number]]
    const expected = mean(([a, b, c, d]) => {
      const q = [c! / (c! + d!), d! / (c! + d!)]
      return -Math.log(a! + b!) - 0.5 * Math.log(q[0]!) - 0.5 * Math.log(q[1]!) - Math.log(2)
    })
    expect(value).toBeCloseTo(expected, 12)
  })

  it('has the closed form where D is sure of nothing or of one thing', () => {
    const confusion = [adversarialTerm('confusion').loss(input('logits', f32(1, 6)), input('sites', u32(1)))]
    const at = (row: number[]) => execute(confusion, { inputs: { logits: row, sites: [0] } })[0]![0]!
    expect(at([0, 0, 0, 0, 0, 0])).toBeCloseTo(Math.log(2), 12)
    // Real for sure, and as generated of no site: nothing is left to ask for.
    expect(at([40, 40, 40, 0, 0, 0])).toBeCloseTo(0, 12)
    // q = (1/2, 1/4, 1/4).
    const q = [Math.log(2), 0, 0]
    expect(at([...q.map((x) => x + 40), ...q])).toBeCloseTo(Math.log(32) / 3 - Math.log(3), 12)
  })

  it('has the gradient that its parts have, in the logits', () => {
    const loss = adversarialTerm('confusion').loss(twoSites, sites)
    const [gradient] = values([grad(loss, [twoSites])[0]!]) as [number[]]
    const expected = probabilities.flatMap(([a, b, c, d]) => {
      const generated = c! + d!
      const toReal = (p: number) => (-generated * p) / (1 - generated)
      return [toReal(a!), toReal(b!), c! + c! / generated - 0.5, d! + d! / generated - 0.5]
    })
    gradient.forEach((value, index) => {
      expect(value).toBeCloseTo(expected[index]! / rows, 12)
    })
  })

  it('leaves D the cross-entropies of 2 K classes', () => {
    const [[real], [fake]] = values([
      crossEntropy(twoSites, sites),
      crossEntropyOfGenerated(twoSites, sites),
    ]) as [[number], [number]]
    const surprise = (offset: number) =>
      probabilities.reduce((sum, p, n) => sum - Math.log(p[[0, 1, 1][n]! + offset]!) / rows, 0)
    expect(real).toBeCloseTo(surprise(0), 12)
    expect(fake).toBeCloseTo(surprise(2), 12)
    const [gradient] = values([grad(crossEntropyOfGenerated(twoSites, sites), [twoSites])[0]!]) as [number[]]
    probabilities.forEach((p, n) => {
      p.forEach((value, c) => {
        const target = c === [0, 1, 1][n]! + 2 ? 1 : 0
        expect(gradient[4 * n + c]).toBeCloseTo((value - target) / rows, 12)
      })
    })
  })

  // docs/method.md#the-optimum-of-the-game on discrete images: D's best answer to a generator is known, its logits are the logs of shares.
  const inImages = 4
  const share = fc.double({ min: 0.05, max: 1, noNaN: true })
  const distributions = fc
    .array(fc.array(share, { minLength: inImages, maxLength: inImages }), { minLength: 3, maxLength: 3 })
    .map((all) => all.map((row) => row.map((value) => value / row.reduce((a, b) => a + b))))
  type Distributions = readonly (readonly number[])[]
  const mixture = (all: Distributions) =>
    all[0]!.map((_, x) => all.reduce((sum, row) => sum + row[x]! / all.length, 0))
  /** What a generator that gives `generated[z]` for site z pays for the best D. */
  const paid = (kind: AdversarialTermName, real: Distributions, generated: Distributions) => {
    const byImage = real[0]!.map((_, x) => {
      const fake =
        kind === 'confusion' ? generated.map((row) => row[x]!) : [mixture(generated)[x]! * real.length]
      return [...real.map((row) => row[x]!), ...fake].map(Math.log)
    })
    const term = adversarialTerm(kind).loss(input('l', f32(1, byImage[0]!.length)), input('s', u32(1)))
    return byImage.reduce((sum, row, x) => {
      const [value] = execute([term], { inputs: { l: row, s: [0] } })[0]!
      return sum + mixture(generated)[x]! * value!
    }, 0)
  }

  it('costs the identity what it betrays, where the term of the paper is as content with it as with the mean', () => {
    fc.assert(
      fc.property(distributions, (real) => {
        const toTheMean = real.map(() => mixture(real))
        expect(paid('minimax', real, real)).toBeCloseTo(paid('minimax', real, toTheMean), 10)
        expect(paid('confusion', real, toTheMean)).toBeCloseTo(Math.log(2), 10)
        const betrayed = mixture(real).reduce((sum, all, x) => {
          const posterior = real.map((row) => row[x]! / all / real.length)
          const divergence = posterior.reduce((d, q) => d - Math.log(q * real.length) / real.length, 0)
          return sum + all * divergence
        }, 0)
        expect(paid('confusion', real, real)).toBeCloseTo(Math.log(2) + betrayed, 10)
      }),
      { numRuns: 20 },
    )
  })

  it('stays finite where the discriminator is certain', () => {
    const loss = adversarialTerm('confusion').loss(twoSites, sites)
    const extreme = [-60, -50, 60, 80, 90, -80, -90, -80, 0, 0, 90, -90]
    const found = values([loss, ...grad(loss, [twoSites])], extreme).flat()
    expect(found.every(Number.isFinite)).toBe(true)
  })
})
