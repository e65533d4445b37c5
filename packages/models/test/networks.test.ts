import { type CheckedInput, collectParameters, countTrained, gradcheck, randomPoint } from '@voxnorm/autograd'
import {
  adversarialTerm,
  crossEntropy,
  crossEntropyOf,
  discriminator,
  type ModelConfig,
  makeNetworks,
  networksOfMethod,
  runDiscriminator,
  runUNet3d,
  uNet3d,
  weightedDice,
} from '@voxnorm/models'
import { add, constant, f32, input, sigmoid, softmax, type Tensor, u32 } from '@voxnorm/tensor'
import { describe, expect, it } from 'vitest'
import { crossEntropyOfGenerated } from '../src/losses.ts'
import { paperModel } from './examples.ts'

describe('the networks of the paper', () => {
  it.each([
    ['G, 1 channel', uNet3d(32, 1, 1), 16_320_257],
    ['S, 1 channel', uNet3d(32, 1, 4), 16_320_452],
    ['G, 2 channels', uNet3d(32, 2, 2), 16_321_186],
    ['G, 2 to 1', uNet3d(32, 2, 1), 16_321_121],
    ['S, 2 channels', uNet3d(32, 2, 4), 16_321_316],
    ['G, half width', uNet3d(16, 1, 1), 4_082_049],
    ['G, an eighth', uNet3d(4, 1, 1), 255_873],
  ])('have the right number of parameters: %s', (_, module, expected) => {
    expect(countTrained(module)).toBe(expected)
  })

  it.each([
    [1, 2, false, 294_051],
    [1, 3, false, 295_076],
    [2, 2, false, 294_483],
    [2, 3, false, 295_508],
    [1, 2, true, 294_499],
    [1, 3, true, 295_524],
    [2, 2, true, 294_931],
    [2, 3, true, 295_956],
  ])('have the right discriminator: %d channels, K = %d, BN %s', (inputs, sites, bn, expected) => {
    const shape = { base: 16, dropout: 0.25, patch: 32, inputs, classes: sites + 1, bn }
    expect(countTrained(discriminator(shape))).toBe(expected)
  })

  it('give D a class for what is generated from each site where it shall tell', () => {
    const logitsOf = (discriminator: ModelConfig['discriminator'], sites: string[]) => {
      const config = paperModel({ base: 1, patch: 8, sites, discriminator })
      const { trained } = makeNetworks(config, ['discriminator']).discriminator!
      return trained.find(({ name }) => name === 'discriminator.fc.bias')!.spec.shape
    }
    const settings = { base: 1, dropout: 0 }
    expect(logitsOf(settings, ['a', 'b', 'c'])).toEqual([4])
    expect(logitsOf({ ...settings, generatedSites: true }, ['a', 'b', 'c'])).toEqual([6])
  })

  it('name their tensors as the model file does', () => {
    const names = collectParameters('generator', uNet3d(2, 1, 1)).map(({ name }) => name)
    expect(names.slice(0, 8)).toEqual([
      'generator.enc1.conv0.weight',
      'generator.enc1.conv0.bias',
      'generator.enc1.norm0.weight',
      'generator.enc1.norm0.bias',
      'generator.enc1.norm0.running_mean',
      'generator.enc1.norm0.running_var',
      'generator.enc1.conv1.weight',
      'generator.enc1.conv1.bias',
    ])
    expect(names.slice(-2)).toEqual(['generator.out.weight', 'generator.out.bias'])
    const file = collectParameters('generator', uNet3d(2, 3, 1)).map(({ layout }) => layout.shape)
    expect(file[0]).toEqual([2, 3, 3, 3, 3])
  })

  it('depend on the method', () => {
    const names = (...args: Parameters<typeof networksOfMethod>) =>
      Object.keys(makeNetworks(paperModel({ base: 1, patch: 8 }), networksOfMethod(...args)))
    expect(names('adversarial', 1.5)).toEqual(['generator', 'segmenter', 'discriminator'])
    expect(names('adversarial', 0)).toEqual(['generator', 'segmenter'])
    expect(names('preprocessor', 1.5)).toEqual(['generator', 'segmenter'])
    expect(names('standardization', 1.5)).toEqual(['segmenter'])
  })
})

/** A module whose trained parameters are the inputs of a function, with random values for all parameters. */
function opened(module: object): { at: CheckedInput[]; weights: (inputs: readonly Tensor[]) => never } {
  const leaves = collectParameters('', module)
  const trained = leaves.filter(({ role }) => role === 'trained')
  const at = trained.map(({ spec }, index) => randomPoint(spec, index))
  const weights = (inputs: readonly Tensor[]) => {
    const tree: Record<string, unknown> = {}
    leaves.forEach((leaf, index) => {
      const path = leaf.name.split('.')
      const node = path.slice(0, -1).reduce<Record<string, unknown>>((above, field) => {
        above[field] ??= {}
        return above[field] as Record<string, unknown>
      }, tree)
      const statistics = () =>
        constant(leaf.spec, [...Array.from(randomPoint(leaf.spec, index, 0.5, 1.5).values)])
      node[path.at(-1)!] = leaf.role === 'trained' ? inputs[trained.indexOf(leaf)]! : statistics()
    })
    return tree as never
  }
  return { at, weights }
}

describe('gradients of the whole model', () => {
  // Evaluation mode: random running statistics keep activations away from the kinks that training mode centres on.
  const unet = (config: Pick<ModelConfig, 'padding' | 'activation'>) => ({
    ...config,
    mode: 'evaluation' as const,
  })

  it('of the segmentation loss of a U-Net agree with differences', () => {
    const { at, weights } = opened(uNet3d(1, 1, 4))
    const labels = {
      spec: u32(1, 8, 8, 8),
      values: Array.from({ length: 512 }, (_, index) => (index >> 3) % 4),
    }
    const x = randomPoint(f32(1, 8, 8, 8, 1), 99)
    gradcheck(
      (image, classes, ...parameters) => {
        const options = unet({ padding: 'replicate', activation: 'leaky-relu' })
        const { output } = runUNet3d(weights(parameters), image!, options)
        return weightedDice(softmax(output), classes!, [0.22, 0.3, 0.2, 0.28])
      },
      [x, labels, ...at],
      { tolerance: 1e-4 },
    )
  })

  it('of both terms of the discriminator, and of the term of the generator, agree with differences', () => {
    const { at, weights } = opened(
      discriminator({ base: 2, dropout: 0, patch: 8, inputs: 2, classes: 3, bn: true }),
    )
    const sites = { spec: u32(3), values: [0, 1, 1] }
    const x = randomPoint(f32(3, 8, 8, 8, 2), 1)
    const logitsOf = (image: Tensor, parameters: readonly Tensor[], legacySigmoid: boolean) =>
      runDiscriminator(weights(parameters), sigmoid(image), {
        padding: 'zero',
        dropout: 0,
        legacySigmoid,
        mode: 'evaluation',
      }).logits
    gradcheck(
      (image, targets, ...parameters) => {
        const logits = logitsOf(image!, parameters, false)
        return add(crossEntropy(logits, targets!), crossEntropyOf(logits, 2))
      },
      [x, sites, ...at],
      { tolerance: 1e-5 },
    )
    for (const kind of ['minimax', 'non-saturating', 'others', 'isbi'] as const) {
      gradcheck(
        (image, targets, ...parameters) =>
          adversarialTerm(kind).loss(logitsOf(image!, parameters, true), targets!),
        [x, sites, ...at],
        { tolerance: 1e-5 },
      )
    }
  })

  it('of both sides of the term against what betrays the site agree with differences', () => {
    const { at, weights } = opened(discriminator({ base: 2, dropout: 0, patch: 8, inputs: 1, classes: 4 }))
    const sites = { spec: u32(3), values: [0, 1, 1] }
    const x = randomPoint(f32(3, 8, 8, 8, 1), 1)
    const logitsOf = (image: Tensor, parameters: readonly Tensor[]) =>
      runDiscriminator(weights(parameters), image, { padding: 'zero', dropout: 0, mode: 'evaluation' }).logits
    gradcheck(
      (image, targets, ...parameters) => crossEntropyOfGenerated(logitsOf(image!, parameters), targets!),
      [x, sites, ...at],
      { tolerance: 1e-5 },
    )
    gradcheck(
      (image, targets, ...parameters) =>
        adversarialTerm('confusion').loss(logitsOf(image!, parameters), targets!),
      [x, sites, ...at],
      { tolerance: 1e-5 },
    )
  })

  it('need a seed for dropout in training', () => {
    const { weights } = opened(discriminator({ base: 1, dropout: 0.5, patch: 8, inputs: 1, classes: 3 }))
    const parameters = opened(
      discriminator({ base: 1, dropout: 0.5, patch: 8, inputs: 1, classes: 3 }),
    ).at.map(({ spec }, index) => input(`p${index}`, spec))
    const x = input('x', f32(1, 8, 8, 8, 1))
    const options = { padding: 'zero', dropout: 0.5, mode: 'training' } as const
    expect(() => runDiscriminator(weights(parameters), x, options)).toThrow('needs a seed')
  })
})
