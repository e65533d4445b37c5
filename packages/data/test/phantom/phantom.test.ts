import {
  ConfigError,
  intensityHistogram,
  jensenShannon,
  type PhantomAnatomy,
  phantomImage,
  phantomSubject,
  type Shape3,
  SITE_STYLES,
  tissueDice,
  type Volume,
} from '@voxnorm/data'
import { beforeAll, describe, expect, it } from 'vitest'

const shape: Shape3 = [54, 62, 48]
const options = { seed: 11, shape, voxelSize: 2.7 }
let people: PhantomAnatomy[]
let first: PhantomAnatomy

beforeAll(() => {
  people = [0, 1, 2].map((subject) => phantomSubject({ ...options, subject }))
  first = people[0]!
})

const bytes = (volume: Volume) => new Uint8Array(volume.data.buffer)

const sum = (values: ArrayLike<number>) => Array.from(values).reduce((total, value) => total + value, 0)

function meanOf(image: Volume, anatomy: PhantomAnatomy, tissue: 'CSF' | 'GM' | 'WM') {
  const pure = anatomy.fractions[tissue].data
  const values = image.data.filter((_, i) => pure[i]! > 0.9)
  expect(values.length).toBeGreaterThan(50)
  return sum(values) / values.length
}

/** Sizes of the 6-connected parts of a mask, largest first. */
function partSizes(mask: Uint8Array): number[] {
  const [nx, ny, nz] = shape
  const left = Uint8Array.from(mask)
  const sizes: number[] = []
  for (let start = 0; start < left.length; start++) {
    if (!left[start]) continue
    let size = 0
    const stack = [start]
    left[start] = 0
    while (stack.length > 0) {
      const i = stack.pop()!
      size++
      const [x, y, z] = [i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny))]
      const neighbours = [
        x > 0 && i - 1,
        x < nx - 1 && i + 1,
        y > 0 && i - nx,
        y < ny - 1 && i + nx,
        z > 0 && i - nx * ny,
        z < nz - 1 && i + nx * ny,
      ]
      for (const n of neighbours) {
        if (n === false || !left[n]) continue
        left[n] = 0
        stack.push(n)
      }
    }
    sizes.push(size)
  }
  return sizes.sort((a, b) => b - a)
}

describe('phantomSubject', () => {
  it('is the same for the same options and another person for another number or seed', () => {
    const again = phantomSubject({ ...options, subject: 0 })
    expect(Buffer.compare(bytes(again.fractions.GM), bytes(first.fractions.GM))).toBe(0)
    expect(again.label.data).toEqual(first.label.data)
    expect(people[1]!.label.data).not.toEqual(first.label.data)
    expect(phantomSubject({ ...options, seed: 12, subject: 0 }).label.data).not.toEqual(first.label.data)
  })

  it('has plausible volumes of all tissues', () => {
    for (const person of people) {
      const [csf, gm, wm] = (['CSF', 'GM', 'WM'] as const).map((name) => sum(person.fractions[name].data))
      const total = csf! + gm! + wm!
      const litres = (total * person.voxelSize ** 3) / 1e6
      expect(litres).toBeGreaterThan(0.75)
      expect(litres).toBeLessThan(1.35)
      expect(csf! / total).toBeGreaterThan(0.1)
      expect(csf! / total).toBeLessThan(0.32)
      expect(gm! / total).toBeGreaterThan(0.38)
      expect(gm! / total).toBeLessThan(0.58)
      expect(wm! / total).toBeGreaterThan(0.22)
      expect(wm! / total).toBeLessThan(0.42)
      const deep = sum(person.deepGrey.data) / gm!
      expect(deep).toBeGreaterThan(0.03)
      expect(deep).toBeLessThan(0.2)
    }
  })

  it('has shares that add up to 1 inside the mask and are 0 outside, and labels the largest', () => {
    const { CSF, GM, WM } = first.fractions
    const wrong = Array.from(first.label.data.keys()).filter((i) => {
      const label = first.label.data[i]!
      const shares = [CSF.data[i]!, GM.data[i]!, WM.data[i]!]
      if (first.mask.data[i] !== (label > 0 ? 1 : 0)) return true
      if (label === 0) return shares.some((share) => share !== 0)
      const [low, high] = [Math.min(...shares), Math.max(...shares)]
      const deepFits = first.deepGrey.data[i]! <= GM.data[i]! + 1e-6
      return Math.abs(sum(shares) - 1) > 1e-5 || low < 0 || shares[label - 1] !== high || !deepFits
    })
    expect(wrong).toEqual([])
  })

  it('is one connected brain, with connected white matter, that does not touch the border of the grid', () => {
    for (const person of people) {
      const brain = partSizes(person.mask.data)
      expect(brain[0]! / sum(brain)).toBeGreaterThan(0.999)
      const white = partSizes(person.label.data.map((label) => (label === 3 ? 1 : 0)))
      expect(white[0]! / sum(white)).toBeGreaterThan(0.85)
    }
    const [nx, ny, nz] = shape
    const touching = people.map((person) =>
      Array.from(person.mask.data.keys()).filter((i) => {
        const [x, y, z] = [i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny))]
        const border = x === 0 || y === 0 || z === 0 || x === nx - 1 || y === ny - 1 || z === nz - 1
        return border && person.mask.data[i]
      }),
    )
    expect(touching).toEqual([[], [], []])
  })

  it('keeps its place in the world when the grid changes', () => {
    const centre = (person: PhantomAnatomy) => {
      const moments = [0, 0, 0]
      const [nx, ny] = person.shape
      person.mask.data.forEach((inside, i) => {
        if (!inside) return
        const voxel = [i % nx, Math.floor(i / nx) % ny, Math.floor(i / (nx * ny))]
        for (const axis of [0, 1, 2]) {
          moments[axis]! += person.affine[5 * axis]! * voxel[axis]! + person.affine[4 * axis + 3]!
        }
      })
      return moments.map((moment) => moment / sum(person.mask.data))
    }
    const other = phantomSubject({ seed: 11, subject: 0, shape: [50, 60, 46], voxelSize: 2.8 })
    centre(other).forEach((position, axis) => {
      expect(Math.abs(position - centre(first)[axis]!)).toBeLessThan(1)
    })
  })

  it('refuses a grid that would cut the brain', () => {
    const attempt = () => phantomSubject({ seed: 1, subject: 0, shape: [64, 64, 64], voxelSize: 2 })
    expect(attempt).toThrow(ConfigError)
    expect(attempt).toThrow(/too small along x[\s\S]*fix: cover at least/)
  })
})

describe('phantomImage', () => {
  const names = Object.keys(SITE_STYLES) as (keyof typeof SITE_STYLES)[]

  it('depends on nothing but anatomy, style, modality and seed', () => {
    const image = phantomImage(first, SITE_STYLES.adult, { seed: 5 })
    expect(phantomImage(first, SITE_STYLES.adult, { seed: 5 }).data).toEqual(image.data)
    expect(phantomImage(first, SITE_STYLES.adult, { seed: 6 }).data).not.toEqual(image.data)
    const t2 = phantomImage(first, SITE_STYLES.adult, { seed: 5, modality: 'T2w' })
    expect(meanOf(t2, first, 'CSF')).toBeGreaterThan(meanOf(t2, first, 'WM'))
    expect(image.affine).toEqual(first.affine)
  })

  it.each(names)('%s: positive exactly inside the mask, in the range of the site', (name) => {
    const image = phantomImage(first, SITE_STYLES[name], { seed: 5 })
    const disagreeing = image.data.filter((value, i) => value > 0 !== first.mask.data[i]! > 0 || value < 0)
    expect(disagreeing.length).toBe(0)
    const largest = image.data.reduce((a, b) => Math.max(a, b), 0)
    expect(largest / SITE_STYLES[name].scale).toBeGreaterThan(0.6)
    expect(largest / SITE_STYLES[name].scale).toBeLessThan(1.5)
  })

  it('adults have CSF < GM < WM; infants are nearly isointense with GM above WM', () => {
    for (const name of names) {
      const image = phantomImage(first, SITE_STYLES[name], { seed: 5 })
      const [csf, gm, wm] = (['CSF', 'GM', 'WM'] as const).map((tissue) => meanOf(image, first, tissue))
      expect(csf).toBeLessThan(0.8 * Math.min(gm!, wm!))
      if (name === 'infant') {
        expect(gm! / wm!).toBeGreaterThan(1.02)
        expect(gm! / wm!).toBeLessThan(1.15)
      } else {
        expect(wm! / gm!).toBeGreaterThan(1.15)
      }
    }
  })

  it('sites differ far more than two people of one site', () => {
    const histogram = (person: number, name: keyof typeof SITE_STYLES) => {
      const anatomy = people[person]!
      const image = phantomImage(anatomy, SITE_STYLES[name], { seed: person })
      const largest = image.data.reduce((a, b) => Math.max(a, b), 0)
      const scaled = image.data.map((value) => value / largest)
      return intensityHistogram(scaled, { bins: 32, range: [0, 1], mask: anatomy.mask.data })
    }
    const within = jensenShannon([histogram(0, 'adult'), histogram(1, 'adult')])
    for (const name of names.filter((other) => other !== 'adult')) {
      const between = jensenShannon([histogram(0, 'adult'), histogram(0, name)])
      expect(between, name).toBeGreaterThan(2 * within)
    }
  })

  it('a rule from intensity to tissue learnt at one site fails at the other, as between real sites', () => {
    const bins = 50
    const binned = (person: number, name: keyof typeof SITE_STYLES) => {
      const image = phantomImage(people[person]!, SITE_STYLES[name], { seed: person })
      const largest = image.data.reduce((a, b) => Math.max(a, b), 0)
      return image.data.map((value) => Math.min(bins - 1, Math.floor((value / largest) * bins)))
    }
    const learn = (name: keyof typeof SITE_STYLES) => {
      const counts = [0, 1, 2, 3].map(() => new Float64Array(bins))
      binned(0, name).forEach((bin, i) => {
        counts[first.label.data[i]!]![bin]!++
      })
      return Array.from({ length: bins }, (_, bin) =>
        [1, 2, 3].reduce((best, c) => (counts[c]![bin]! > counts[best]![bin]! ? c : best), 1),
      )
    }
    const score = (rule: number[], name: keyof typeof SITE_STYLES) => {
      const test = people[1]!
      const predicted = binned(1, name).map((bin, i) => (test.mask.data[i] ? rule[bin]! : 0))
      return tissueDice(predicted, test.label.data).mean
    }
    const [adult, infant] = [learn('adult'), learn('infant')]
    expect(score(adult, 'adult')).toBeGreaterThan(0.8)
    expect(score(infant, 'infant')).toBeGreaterThan(0.55)
    expect(score(adult, 'infant')).toBeLessThan(0.4)
    expect(score(infant, 'adult')).toBeLessThan(0.4)
  })
})
