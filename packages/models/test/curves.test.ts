import { countTrained, writeSafetensors } from '@voxnorm/autograd'
import {
  imageAxes,
  type PreparedSubject,
  phantomImage,
  phantomSubject,
  preservation,
  randomStream,
  SITE_STYLES,
  scaleIntensities,
  type Triple,
} from '@voxnorm/data'
import {
  createPredictor,
  type ModelConfig,
  makeNetworks,
  predictVolume,
  probePatches,
  readModel,
  type StoredModel,
  writeModel,
} from '@voxnorm/models'
import { compile, f32, input, type Runtime, SlotPool } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { viewGeometry } from '../src/architectures.ts'
import { curveParameters } from '../src/curves.ts'
import { allocateNetworks, disposeNetworks, generate, loadNetworks } from '../src/networks.ts'
import { cellsFor, createViewer, degradedView, featureCount, viewInput } from '../src/volume-view.ts'
import { openTestDevice } from './device.ts'
import { ball, tinyTraining, twoSites } from './subjects.ts'
import { eventsOf, expectSameTensors, last, ofKind, stored } from './training-events.ts'

let runtime: Runtime
let close: () => void
beforeAll(async () => {
  const device = await openTestDevice()
  runtime = device.runtime
  close = device.close
})
afterAll(() => close?.())

const generator = { architecture: 'curves', cell: 6, knots: 5, freedom: 0.05 } as const

/** Settings of a small training with curves; cells of 6 voxels do not divide the 16 of a subject. */
function curveTraining() {
  const tiny = tinyTraining()
  return {
    ...tiny,
    model: { ...tiny.model, generatorOutput: 'none' as const, generator },
    loss: { ...tiny.loss, lambda: 0, dice: 'per-class-entropy' as const },
    train: { ...tiny.train, method: 'preprocessor' as const },
  }
}

const config: ModelConfig = {
  modalities: ['T1w'],
  sites: ['a', 'b'],
  classes: ['BG', 'CSF', 'GM', 'WM'],
  base: 2,
  padding: 'zero',
  activation: 'relu',
  generatorOutput: 'none',
  scaling: 'max',
  patch: 8,
  voxelSize: 1,
  generator,
  discriminator: { base: 2, dropout: 0 },
}

/** A model whose weights are random, `scale` times as large as their first values would be; 0 leaves out the last layers. */
function randomModel(seed: number, scale: number, of: ModelConfig = config): StoredModel {
  const networks = makeNetworks(of, ['generator', 'segmenter'])
  const tensors = new Map()
  for (const network of [networks.generator!, networks.segmenter]) {
    for (const { name, layout } of [...network.trained, ...network.statistics]) {
      const stream = randomStream(seed, name)
      const size = layout.shape.reduce((all, one) => all * one, 1)
      const spread = /Curve|Slopes/.test(name) ? scale : name.endsWith('running_var') ? 0 : 0.3
      const centre = name.endsWith('running_var') ? 1 : 0
      const values = Float32Array.from({ length: size }, () => centre + spread * stream.normal())
      tensors.set(name, { shape: layout.shape, values })
    }
  }
  return readModel(writeModel({ config: of, tensors }))
}

async function normalized(model: StoredModel, subject: PreparedSubject): Promise<Float32Array> {
  const predictor = await createPredictor(runtime, model)
  const { normalized: image } = await predictVolume(predictor, subject, { stride: 8 })
  predictor.dispose()
  return image
}

/** That of the presets. */
const FREEDOM = 0.06

const subject = ball('a1', 'a', [0.2, 0.5, 0.9])

describe('a generator of curves', () => {
  it('is small', () => {
    expect(countTrained(curveParameters(1, 12))).toBe(15_991)
    expect(countTrained(curveParameters(2, 12))).toBe(23_518)
  })

  it('begins as the identity', async () => {
    const image = await normalized(randomModel(1, 0), subject)
    expect(Math.max(...image.map((value, voxel) => Math.abs(value - subject.image[voxel]!)))).toBeLessThan(
      1e-6,
    )
  })

  it('keeps mean and spread, and the background at 0, whatever its weights', async () => {
    const image = await normalized(randomModel(2, 1), subject)
    const brain = (values: Float32Array) => values.filter((_, voxel) => subject.mask[voxel]! > 0)
    const moments = (values: Float32Array) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)]
    }
    const [before, after] = [moments(brain(subject.image)), moments(brain(image))]
    // Histograms of five knots tell them nearly.
    expect(Math.abs(after[0]! - before[0]!)).toBeLessThan(0.05)
    expect(after[1]! / before[1]!).toBeGreaterThan(0.7)
    expect(after[1]! / before[1]!).toBeLessThan(1.4)
    expect(brain(image).some((value, index) => Math.abs(value - brain(subject.image)[index]!) > 0.1)).toBe(
      true,
    )
    expect(image.every((value, voxel) => subject.mask[voxel]! > 0 || value === 0)).toBe(true)
  })

  it('gives a patch what it gives the whole volume there, in a view of a larger grid, too', async () => {
    const model = randomModel(3, 1)
    const whole = await normalized(model, subject)
    const geometry = viewGeometry(config)!
    const viewer = await createViewer(runtime, geometry, [subject.shape, [31, 20, 16]])
    expect(viewer.cells).toEqual(cellsFor(geometry, [[31, 20, 16]]))
    const cells = await viewer.view(subject)
    const networks = makeNetworks(config, model.names)
    await allocateNetworks(runtime, networks)
    loadNetworks(networks, model.tensors)
    const pool = new SlotPool(runtime)
    const x = input('x', f32(1, 8, 8, 8, 1))
    const { image } = generate(networks, config, x, 'evaluation', viewInput(geometry, viewer.cells, 1))
    const plan = await compile(runtime, { name: 'patch', outputs: { image } }, { pool })
    const at = (z: number, y: number, w: number) => ((z + 5) * 16 + y + 3) * 16 + w + 7
    const cube = (of: Float32Array) =>
      Float32Array.from({ length: 512 }, (_, i) => of[at(i >> 6, (i >> 3) & 7, i & 7)]!)
    const origins = Float32Array.of(5 / 6, 3 / 6, 7 / 6)
    const { image: patch } = await plan.run({ x: cube(subject.image), cells, origins })
    const expected = cube(whole)
    expect(Math.max(...patch!.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(2e-6)
    plan.dispose()
    pool.dispose()
    viewer.dispose()
    disposeNetworks(networks)
  })

  it('sees a degraded volume as if it had looked at it', async () => {
    const geometry = { cell: 4, knots: 9, channels: 1 }
    const viewer = await createViewer(runtime, geometry, [subject.shape])
    const ramp = Float32Array.from({ length: 16 }, (_, row) => 0.9 + (0.2 * row) / 15)
    const dimmed = subject.image.map((value, voxel) => value * ramp[Math.floor(voxel / 16) % 16]!)
    const seen = await viewer.view({ ...subject, image: dimmed })
    const guessed = degradedView(await viewer.view(subject), viewer, ramp)
    const size = featureCount(geometry)
    for (let cell = 0; cell < seen.length; cell += size) {
      const [a, b] = [seen.slice(cell, cell + size), guessed.slice(cell, cell + size)]
      expect(b[size - 1]).toBeCloseTo(a[size - 1]!, 6)
      expect(Math.abs(b[9]! - a[9]!)).toBeLessThan(0.02)
      for (let knot = 0; knot < 9; knot++) expect(Math.abs(b[knot]! - a[knot]!)).toBeLessThan(0.2)
    }
    viewer.dispose()
  })

  it('keeps the structure for any weights', async () => {
    const anatomy = phantomSubject({ seed: 3, subject: 1, shape: [64, 64, 64], voxelSize: 2.6 })
    const scan = phantomImage(anatomy, SITE_STYLES.adult, { seed: 4 })
    const brain = {
      shape: [64, 64, 64] as unknown as Triple,
      channels: 1,
      image: scaleIntensities(scan.data, anatomy.mask.data, 'unit-zscore'),
      mask: Uint8Array.from(anatomy.mask.data),
    }
    const shipped = { architecture: 'curves', cell: 16, knots: 12, freedom: FREEDOM } as const
    const of: ModelConfig = { ...config, voxelSize: 2.6, scaling: 'unit-zscore', generator: shipped }
    const indices: number[] = []
    // Small weights, large ones, and such as drive slopes and deviations to their bounds.
    for (const [seed, scale] of [0.1, 0.5, 2, 50, 50, 50, 0.3, 0.3, 1, 1].entries()) {
      const predictor = await createPredictor(runtime, randomModel(seed, scale, of))
      const image = await predictor.normalize!(brain)
      predictor.dispose()
      const spacing = [2.6, 2.6, 2.6] as const
      indices.push(preservation(brain.image, image, brain.mask, [64, 64, 64], spacing).structureIndex)
    }
    expect(Math.min(...indices), indices.map((index) => index.toFixed(4)).join(', ')).toBeGreaterThan(0.98)
  })

  it('plays against a discriminator of tissues, whose weight grows', async () => {
    const { model, loss, train, ...rest } = curveTraining()
    const config = {
      ...rest,
      model: { ...model, discriminator: { architecture: 'tissues' as const, base: 2, dropout: 0 } },
      loss: { ...loss, lambda: 0.5, ramp: [0.25, 0.75] as const, adversarial: 'alike' as const },
      train: { ...train, method: 'adversarial' as const, discriminatorSteps: 1 },
    }
    const all = await eventsOf(runtime, config, {}, twoSites())
    const weights = ofKind(all, 'step').map(({ values }) => {
      const { 'loss.total': total, 'loss.seg': seg, 'loss.adv': term } = values
      expect(term).toBeGreaterThan(-1e-6)
      return (total! - seg!) / term!
    })
    // The penalty of the curvature is in the total as well, but small.
    expect(weights[0]).toBeLessThan(0.1)
    expect(weights.at(-1)).toBeGreaterThan(0.45)
    const { values } = ofKind(all, 'validation').at(-1)!
    expect(values['dis.accuracy']).toBeGreaterThanOrEqual(0)
    const patches = await probePatches(
      runtime,
      readModel(writeSafetensors(last(all, 'latest'))),
      twoSites().validation,
      {
        patchesPerSubject: 2,
        seed: 1,
      },
    )
    expect(patches).toHaveLength(4)
    for (const { fake } of patches) expect(fake!.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5)
  })

  it('is refused in a model file without what it needs', () => {
    const { tensors } = randomModel(1, 0.1)
    for (const key of ['cell', 'knots', 'freedom']) {
      const broken = { ...config, generator: { ...generator, [key]: 0 } }
      expect(() => readModel(writeModel({ config: broken, tensors }), 'm.safetensors')).toThrow(
        `m.safetensors: The model's config has no proper "generator.${key}"`,
      )
    }
  })

  it('trains, goes on with the same bits, and predicts', async () => {
    const longer = curveTraining()
    const all = await eventsOf(runtime, longer, {}, twoSites())
    const first = { ...longer, train: { ...longer.train, epochs: 1 } }
    const half = await eventsOf(runtime, first, {}, twoSites())
    const rest = await eventsOf(runtime, longer, { resume: stored(half) }, twoSites())
    expectSameTensors(last(rest, 'latest'), last(all, 'latest'))
    expect(ofKind(all, 'step').every(({ values }) => Number.isFinite(values['loss.total']))).toBe(true)
    const model = readModel(writeSafetensors(last(all, 'latest')))
    expect(model.config.generator).toEqual(generator)
    const { structureIndex } = preservation(
      subject.image,
      await normalized(model, subject),
      subject.mask,
      imageAxes(subject.shape),
      [1, 1, 1],
    )
    expect(structureIndex).toBeGreaterThan(0.98)
  })
})
