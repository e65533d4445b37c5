import { convolutionWeight, fanInUniform, vector, type Weights, writeSafetensors } from '@voxnorm/autograd'
import {
  ADVERSARIAL_TERMS,
  type AdversarialTermName,
  type AdversarialTerms,
  ARCHITECTURES,
  createPredictor,
  type DiscriminatorArchitecture,
  type DiscriminatorArchitectureName,
  type GeneratorArchitectureName,
  type ImageArchitecture,
  modelOfTraining,
  predictVolume,
  readModel,
  type SegmenterArchitectureName,
} from '@voxnorm/models'
import { cast, conv3d, mean, type Runtime, relu, square, sum } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestDevice } from './device.ts'
import { tinyTraining, twoSites } from './subjects.ts'
import { eventsOf, last, ofKind } from './training-events.ts'

let runtime: Runtime
let close: () => void
beforeAll(async () => {
  const device = await openTestDevice()
  runtime = device.runtime
  close = device.close
})
afterAll(() => close?.())

/** One convolution of 3³. The names of a real one would be those of a row: the casts below stand for it. */
const parameters = (inputs: number, outputs: number) => ({
  only: {
    weight: convolutionWeight(3, inputs, outputs, fanInUniform(27 * inputs)),
    bias: vector(outputs, fanInUniform(27 * inputs)),
  },
})
type Toy = ReturnType<typeof parameters>

const single: ImageArchitecture<Toy> = {
  sides: { multipleOf: 2, because: 'it likes even numbers' },
  parameters: ({ inputs, outputs }) => parameters(inputs, outputs),
  run: ({ only: { weight, bias } }: Weights<Toy>, x, { padding }) => {
    const output = conv3d(x, weight, bias, { stride: 1, padding: 1, mode: padding, result: 'f32' })
    return { output, blocks: { only: output }, norms: [] }
  },
}

const brightness: DiscriminatorArchitecture<Toy> = {
  parameters: ({ inputs, classes }) => parameters(inputs, classes),
  run: ({ only: { weight, bias } }: Weights<Toy>, x, { padding }) => {
    const features = relu(conv3d(x, weight, bias, { stride: 2, padding: 1, mode: padding, result: 'f32' }))
    return { logits: mean(cast(features, 'f32'), [1, 2, 3]), norms: [] }
  },
}

const architectures = {
  generator: { ...ARCHITECTURES.generator, single },
  segmenter: { ...ARCHITECTURES.segmenter, single },
  discriminator: { ...ARCHITECTURES.discriminator, brightness },
}
const terms: AdversarialTerms = {
  ...ADVERSARIAL_TERMS,
  quiet: { loss: (logits) => mean(sum(square(logits), [1])) },
}

const toys = () => {
  const tiny = tinyTraining({ epochs: 1, iterationsPerEpoch: 2 })
  return {
    ...tiny,
    data: { ...tiny.data, patch: 6 },
    model: {
      ...tiny.model,
      generator: { architecture: 'single' as GeneratorArchitectureName },
      segmenter: { architecture: 'single' as SegmenterArchitectureName },
      discriminator: {
        ...tiny.model.discriminator,
        architecture: 'brightness' as DiscriminatorArchitectureName,
      },
    },
    loss: { ...tiny.loss, adversarial: 'quiet' as AdversarialTermName },
  }
}

describe('networks and an adversarial term that are a row of a table each', () => {
  it('train, make a model file, go on from it, and predict', async () => {
    const config = toys()
    const all = await eventsOf(runtime, config, { architectures, terms }, twoSites())
    expect(ofKind(all, 'step').map(({ values }) => Number.isFinite(values['loss.adv']))).toEqual([true, true])
    const file = last(all, 'latest')
    expect(file.tensors.get('generator.only.weight')?.shape).toEqual([1, 1, 3, 3, 3])
    expect(file.tensors.get('discriminator.only.weight')?.shape).toEqual([3, 1, 3, 3, 3])

    const longer = { ...config, train: { ...config.train, epochs: 2 } }
    const more = await eventsOf(runtime, longer, { architectures, terms, resume: file }, twoSites())
    expect(ofKind(more, 'step')).toHaveLength(2)

    const model = readModel(writeSafetensors(file), 'toy.safetensors', architectures)
    expect(model.config.segmenter).toEqual({ architecture: 'single' })
    const predictor = await createPredictor(runtime, model, architectures)
    const { labels } = await predictVolume(predictor, twoSites().training[0]!, { stride: 6 })
    expect(labels).toHaveLength(16 ** 3)
    predictor.dispose()
  })

  it('are unknown without their rows', async () => {
    const events = (options: object) => eventsOf(runtime, toys(), options, twoSites())
    await expect(events({ terms })).rejects.toThrow('no architecture "single" for the generator')
    await expect(events({ architectures })).rejects.toThrow('no adversarial term "quiet"')
    const all = await events({ architectures, terms })
    expect(() => readModel(writeSafetensors(last(all, 'latest')), 'toy.safetensors')).toThrow(
      'toy.safetensors: The model\'s config has no proper "generator.architecture": it must be one of unet3d',
    )
  })

  it('say themselves which sides they take', async () => {
    const odd = { ...toys(), data: { ...toys().data, patch: 5 } }
    await expect(eventsOf(runtime, odd, { architectures, terms }, twoSites())).rejects.toThrow(
      'data.patch must be a multiple of 2 (it likes even numbers), not 5',
    )
  })
})

describe('the networks of the paper', () => {
  it('make the same model whether a config names them or not', () => {
    const unsaid = tinyTraining()
    const { model } = unsaid
    const said = {
      ...unsaid,
      model: {
        ...model,
        generator: { architecture: 'unet3d' },
        segmenter: { architecture: 'unet3d' },
        discriminator: { ...model.discriminator, architecture: 'dcgan3d' },
      },
    } as const
    const { training } = twoSites()
    expect(JSON.stringify(modelOfTraining(said, training))).toBe(
      JSON.stringify(modelOfTraining(unsaid, training)),
    )
  })

  it('go on from a checkpoint that does not name them', async () => {
    const config = tinyTraining({ epochs: 1, iterationsPerEpoch: 1 })
    const resume = last(await eventsOf(runtime, config, {}, twoSites()), 'latest')
    const model = { ...config.model, generator: { architecture: 'unet3d' } } as const
    const longer = { ...config, model, train: { ...config.train, epochs: 2 } }
    expect(ofKind(await eventsOf(runtime, longer, { resume }, twoSites()), 'step')).toHaveLength(1)
  })
})
