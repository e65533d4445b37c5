import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { findBrain, type MaskFrom } from '../src/brain-mask.ts'
import { DataError } from '../src/errors.ts'
import { gzip } from '../src/image/gzip.ts'
import { writeNifti } from '../src/image/nifti-writer.ts'
import { readVolume } from '../src/image/read.ts'
import { type Affine, makeVolume, type Shape3, type Volume } from '../src/image/volume.ts'
import { openDataset } from '../src/node/dataset.ts'
import { readVolumeFile } from '../src/node/files.ts'
import { prepareSubject } from '../src/prepare-subject.ts'
import { randomStream } from '../src/random.ts'

const SHAPE: Shape3 = [40, 44, 36]
const COUNT = 40 * 44 * 36
/** Of so large voxels that the ball below holds 1.4 litres. */
const AFFINE: Affine = [4.2, 0, 0, 0, 0, 4.2, 0, 0, 0, 0, 4.2, 0, 0, 0, 0, 1]

const placeOf = (voxel: number): readonly [number, number, number] => [
  voxel % 40,
  Math.floor(voxel / 40) % 44,
  Math.floor(voxel / 1760),
]
const distance = (voxel: number) => {
  const [x, y, z] = placeOf(voxel)
  return Math.hypot((x - 19.5) / 17, (y - 21.5) / 18, (z - 17.5) / 15)
}
const INSIDE = Uint8Array.from({ length: COUNT }, (_, voxel) => (distance(voxel) < 1 ? 1 : 0))

/** Stripped: three tissues with noise in a ball, around it exactly 0. */
function stripped(): Float32Array<ArrayBuffer> {
  const random = randomStream(3, 'stripped')
  return Float32Array.from({ length: COUNT }, (_, voxel) => {
    const noise = 20 * random.normal()
    if (INSIDE[voxel] === 0) return 0
    const depth = distance(voxel)
    return Math.max(1, Math.round((depth < 0.5 ? 900 : depth < 0.85 ? 600 : 250) + noise))
  })
}

const volumeOf = (data: Float32Array<ArrayBuffer>, affine = AFFINE, shape = SHAPE) =>
  makeVolume(shape, data, affine)
const find = (volume: Volume, from: MaskFrom = 'auto', mask?: Volume) =>
  findBrain({ file: 'scan.nii', volume }, mask && { volume: mask }, from)
const refusal = (volume: Volume): DataError => {
  try {
    find(volume)
  } catch (error) {
    if (error instanceof DataError) return error
    throw error
  }
  throw new Error('it was taken')
}
const differing = (a: Uint8Array, b: Uint8Array) => a.filter((value, voxel) => value !== b[voxel]).length

describe('findBrain', () => {
  it('takes everything but the background of a stripped scan, whatever its value', () => {
    const plain = find(volumeOf(stripped()))
    expect(differing(plain.mask, INSIDE)).toBe(0)
    expect(plain.warnings).toEqual([])
    expect(plain.finding).toMatchObject({ source: 'background', pieces: 1, plausible: true })
    expect(plain.finding.litres).toBeCloseTo((plain.mask.filter(Boolean).length * 4.2 ** 3) / 1e6, 9)
    for (const shift of [0.0043, 7, -1024]) {
      const shifted = stripped().map((value) => value + shift)
      expect(differing(find(volumeOf(shifted)).mask, INSIDE)).toBe(0)
    }
  })

  it('finds the brain of z-scored images, whose tissues lie on both sides of the background', () => {
    const image = stripped()
    const brain = image.filter((_, voxel) => INSIDE[voxel] === 1)
    const mean = brain.reduce((sum, value) => sum + value, 0) / brain.length
    const scored = image.map((value, voxel) => (INSIDE[voxel] ? (value - mean) / 250 : 0))
    // By chance a voxel of the brain is exactly the mean.
    scored[INSIDE.findIndex((_, voxel) => distance(voxel) < 0.2)] = 0
    expect(differing(find(volumeOf(scored)).mask, INSIDE)).toBe(0)
    const whole = image.map((value) => (value - 300) / 400)
    expect(differing(find(volumeOf(whole)).mask, INSIDE)).toBe(0)
    const inverted = image.map((value) => 1200 - value)
    expect(differing(find(volumeOf(inverted)).mask, INSIDE)).toBe(0)
  })

  it('leaves a few swings below zero around the brain outside, and dark voxels in it inside', () => {
    const swinging = stripped()
    const random = randomStream(4, 'swings')
    for (let voxel = 0; voxel < COUNT; voxel++) {
      const depth = distance(voxel)
      if (depth >= 1 && depth < 1.08) swinging[voxel] = -30 - 20 * random.uniform()
      else if (depth >= 1.08 && depth < 1.14) swinging[voxel] = 5 + 8 * random.uniform()
    }
    const hole = INSIDE.findIndex((_, voxel) => distance(voxel) < 0.3)
    swinging[hole] = -3
    expect(differing(find(volumeOf(swinging)).mask, INSIDE)).toBe(0)
  })

  it('bears that an interpolation swings up to the border of the field of view', () => {
    const random = randomStream(5, 'swings')
    const swinging = stripped().map((value) => (value === 0 ? 3 * random.normal() : value))
    expect(differing(find(volumeOf(swinging)).mask, INSIDE)).toBe(0)
  })

  it('gives the same mask for the same scan, however it is stored', async () => {
    const image = stripped().map((value) => value * 0.7317)
    // A negative voxel makes the writers of other tools choose an intercept, and zero is off by part of a step.
    image[INSIDE.indexOf(1)] = -11.3
    const reference = find(volumeOf(image)).mask
    expect(differing(reference, INSIDE)).toBeLessThanOrEqual(1)
    const range = image.reduce((most, value) => Math.max(most, value)) + 11.3
    const slope = range / 65535
    for (const intercept of [-11.3 + 32768 * slope, -11.3 + 32768.3 * slope]) {
      const codes = image.map((value) => Math.round((value - intercept) / slope))
      const read = codes.map((code) => Math.fround(code * slope + intercept))
      expect(read[0]).not.toBe(0)
      expect(differing(find(volumeOf(read)).mask, reference)).toBe(0)
    }
    const bytes = writeNifti(volumeOf(image))
    for (const stored of [bytes, gzip(bytes)]) {
      const again = await readVolume(stored, { name: stored === bytes ? 'a.nii' : 'a.nii.gz' })
      expect(differing(find(again).mask, reference)).toBe(0)
    }
  })

  it('refuses what is not stripped, and names the ways out', () => {
    const random = randomStream(6, 'noise')
    const noise = () => Math.hypot(15 * random.normal(), 15 * random.normal())
    const noisy = volumeOf(stripped().map((value) => Math.round(Math.max(value, noise()) + 1)))
    expect(refusal(noisy).message).toMatch(/^scan\.nii: the skull does not seem to be stripped/)
    expect(refusal(noisy)).toMatchObject({ kind: 'data', file: 'scan.nii', remedy: 'brain-mask' })
    expect(refusal(noisy).fix).toMatch(/brain mask.*strip the skull.*above zero/)

    // A frame of zeros around noise, as a resampling leaves it, is a background; the box in it is no brain.
    const framed = noisy.data.map((value, voxel) => {
      const [x, y, z] = placeOf(voxel)
      return Math.min(x, y, z, 39 - x, 43 - y, 35 - z) < 2 ? 0 : value
    })
    expect(refusal(volumeOf(framed, [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1])).message).toMatch(
      /cannot be a brain: it fills its box by 100 %/,
    )
    // A head whose noise was cut away, of 2.5 litres with the neck that the field of view cuts off.
    const head = Float32Array.from({ length: COUNT }, (_, voxel) => {
      const [x, y, z] = placeOf(voxel)
      return distance(voxel) < 1 || (Math.hypot(x - 19.5, y - 21.5) < 9 && z < 17) ? 300 : 0
    })
    const large: Affine = [4.9, 0, 0, 0, 0, 4.9, 0, 0, 0, 0, 4.9, 0, 0, 0, 0, 1]
    expect(refusal(volumeOf(head, large)).message).toMatch(
      /it holds 2\.\d litres and reaches beyond the field of view/,
    )
    const huge = AFFINE.map((value) => 1.4 * value)
    expect(refusal(volumeOf(stripped(), huge)).message).toMatch(
      /holds 3\.\d litres; the skull is not stripped/,
    )
    const speckled = Float32Array.from({ length: COUNT }, () => (random.uniform() < 0.1 ? 5 : 0))
    expect(refusal(volumeOf(speckled)).message).toMatch(/% of it are crumbs/)
  })

  it('warns of what can be a brain and need not be one', () => {
    const scaled = (factor: number) =>
      find(
        volumeOf(
          stripped(),
          AFFINE.map((value) => factor * value),
        ),
      )
    expect(scaled(0.5).warnings).toEqual([
      expect.stringMatching(/^The brain mask holds 0\.1\d litres, less than the brain of a newborn\.$/),
    ])
    expect(scaled(0.6).warnings).toEqual([])
    expect(scaled(1.2).warnings).toEqual([expect.stringMatching(/holds 2\.\d litres, more than brains do/)])
    const halves = stripped().map((value, voxel) => (Math.abs(placeOf(voxel)[0] - 19.5) < 1 ? 0 : value))
    expect(find(volumeOf(halves))).toMatchObject({
      finding: { pieces: 2 },
      warnings: ['The brain mask is in 2 pieces.'],
    })
    const cut = stripped().slice(0, 1760 * 20)
    expect(find(volumeOf(cut, AFFINE, [40, 44, 20])).warnings).toEqual([
      expect.stringMatching(/^The brain mask covers \d+ % of the border of the field of view/),
    ])
  })

  it('does as it is told by a mask or by `positive`, and says when that is no brain', () => {
    const noisy = volumeOf(stripped().map((value) => value + 20))
    const mask = volumeOf(Float32Array.from(INSIDE, (inside) => (inside ? 255 : 0.002)))
    const byFile = find(noisy, 'auto', mask)
    expect(differing(byFile.mask, INSIDE)).toBe(0)
    expect(byFile.finding).toMatchObject({ source: 'file', plausible: true })
    const positive = find(noisy, 'positive')
    expect(positive.mask.every((inside) => inside === 1)).toBe(true)
    expect(positive.finding).toMatchObject({ source: 'positive', plausible: false })
    expect(positive.warnings[0]).toMatch(
      /^The brain mask does not look like that of a brain: it fills its box/,
    )
    // Numbers of regions as a mask: the smallest is brain, too.
    const regions = volumeOf(Float32Array.from(INSIDE, (inside, voxel) => inside * (voxel % 2 ? 2 : 2035)))
    expect(differing(find(noisy, 'auto', regions).mask, INSIDE)).toBe(0)
  })
})

describe('prepareSubject', () => {
  const prepare = (data: Float32Array<ArrayBuffer>, header: Partial<Volume['header']> = {}) => {
    const volume = volumeOf(data)
    const image = { file: 'scan.nii', volume: { ...volume, header: { ...volume.header, ...header } } }
    return prepareSubject({ id: 's', site: 'a' }, { images: [image] }, { scaling: 'max' })
  }

  it('passes on what the reader and the mask have to say, with the name of the file', () => {
    const small = stripped().map((value, voxel) => (distance(voxel) < 0.4 ? value : 0))
    const { warnings, brain } = prepare(small, { warnings: ['The header is odd.'] })
    expect(warnings).toEqual([
      'scan.nii: The header is odd.',
      expect.stringMatching(/^scan\.nii: The brain mask holds 0\.0\d+ litres/),
    ])
    expect(brain.source).toBe('background')
  })

  it('gives a z-score of the whole volume the intensities from before it', () => {
    const image = stripped()
    const before = prepare(image)
    const after = prepare(image.map((value) => (value - 300) / 400))
    expect(before.warnings).toEqual([])
    expect(after.warnings).toEqual([
      expect.stringMatching(/^scan\.nii: The intensities do not begin at zero.*-0\.75 was subtracted/),
    ])
    const apart = after.image.map((value, voxel) => Math.abs(value - before.image[voxel]!))
    expect(apart.reduce((most, value) => Math.max(most, value))).toBeLessThan(1e-5)
  })
})

const shared = existsSync('../shared/data/multisite/dataset.tsv')
describe.skipIf(!shared)('findBrain on real scans of three sites (needs ../shared)', () => {
  it('takes exactly the voxels above zero of scans that are stripped, without a doubt', async () => {
    const { subjects } = await openDataset('../shared/data/multisite/dataset.tsv')
    const sites = [...new Set(subjects.map(({ site }) => site))]
    expect(sites.length).toBe(3)
    for (const site of sites) {
      const file = subjects.find((subject) => subject.site === site)!.images.T1w!
      const volume = await readVolumeFile(file)
      const { mask, finding, warnings } = find(volume)
      expect(
        differing(
          mask,
          Uint8Array.from(volume.data, (value) => (value > 0 ? 1 : 0)),
        ),
      ).toBe(0)
      expect(finding).toMatchObject({ pieces: 1, plausible: true })
      expect(warnings).toEqual([])
    }
  })
})
