import {
  arenaToTensors,
  bind,
  collectParameters,
  convolutionWeight,
  countTrained,
  fanInUniform,
  filledWith,
  flattenedLinearWeight,
  fromFile,
  grad,
  initialArena,
  initialValues,
  kaimingUniform,
  linearWeight,
  SafetensorsError,
  type StoredTensor,
  statistic,
  tensorsToArena,
  toFile,
  vector,
} from '@voxnorm/autograd'
import { add, conv3d, execute, f32, input, matmul, mean, reshape, sliceOf, square } from '@voxnorm/tensor'
import { describe, expect, it } from 'vitest'

const convolution = (kernel: number, inputs: number, outputs: number) => ({
  weight: convolutionWeight(kernel, inputs, outputs, kaimingUniform(kernel ** 3 * outputs)),
  bias: vector(outputs, fanInUniform(kernel ** 3 * inputs)),
})
const norm = (channels: number) => ({
  weight: vector(channels, filledWith(1)),
  bias: vector(channels, filledWith(0)),
  running_mean: statistic(channels, 0),
  running_var: statistic(channels, 1),
})
const tiny = () => ({
  enc1: { conv0: convolution(3, 1, 2), norm0: norm(2) },
  fc: { weight: flattenedLinearWeight([2, 3, 4, 2], 3, fanInUniform(48)), bias: vector(3, fanInUniform(48)) },
})

describe('a module', () => {
  const network = bind('generator', tiny())

  it('names parameters after their path, in the order of the fields', () => {
    expect(network.trained.map(({ name }) => name)).toEqual([
      'generator.enc1.conv0.weight',
      'generator.enc1.conv0.bias',
      'generator.enc1.norm0.weight',
      'generator.enc1.norm0.bias',
      'generator.fc.weight',
      'generator.fc.bias',
    ])
    expect(network.statistics.map(({ name }) => name)).toEqual([
      'generator.enc1.norm0.running_mean',
      'generator.enc1.norm0.running_var',
    ])
    expect(collectParameters('', tiny()).at(-1)!.name).toBe('fc.bias')
  })

  it('keeps trained parameters and statistics in arenas of their own', () => {
    expect(network.parameterArena.variables.map(({ name }) => name)).toEqual(
      network.trained.map(({ name }) => name),
    )
    expect(network.statisticsArena.variables).toHaveLength(2)
    expect(countTrained(tiny())).toBe(27 * 2 + 2 + 2 + 2 + 48 * 3 + 3)
  })

  it('becomes an object of tensors, which are what is differentiated', () => {
    const { weights } = network
    expect(weights.enc1.conv0.weight.label).toBe('generator.enc1.conv0.weight')
    expect(weights.enc1.norm0.running_var).toBe(network.statistics[1]!.tensor)
    const x = input('x', f32(1, 2, 3, 4, 1))
    const { conv0, norm0 } = weights.enc1
    const features = conv3d(x, conv0.weight, conv0.bias, { stride: 1, padding: 1, mode: 'replicate' })
    const hidden = add(features, add(norm0.weight, norm0.bias))
    const loss = mean(square(add(matmul(reshape(hidden, [1, 48]), weights.fc.weight), weights.fc.bias)))
    const gradients = grad(
      loss,
      network.trained.map(({ tensor }) => tensor),
    )
    expect(gradients.map(({ shape }) => shape)).toEqual(network.trained.map(({ spec }) => spec.shape))
  })

  it('says which field is neither parameter nor module', () => {
    expect(() => bind('generator', { enc1: { slope: 0.2 } })).toThrow('module generator.enc1.slope: must be')
    expect(() => bind('generator', { enc1: null })).toThrow('but it is null')
  })

  it('begins with values that depend on seed and name, drawn in the order of the file', () => {
    const { parameterArena, trained } = network
    const words = initialArena(parameterArena, trained, 42)
    expect(initialArena(parameterArena, trained, 42)).toEqual(words)
    const stored = arenaToTensors(words, trained)
    const weight = trained[0]!
    expect(stored.get(weight.name)!.values).toEqual(initialValues(weight.init, 54, 42, weight.name))
    expect([...sliceOf(words, trained[2]!.variable)]).toEqual([1, 1])
    const statistics = initialArena(network.statisticsArena, network.statistics, 42)
    expect(
      [...arenaToTensors(statistics, network.statistics).values()].map(({ values }) => [
        ...(values as Float32Array),
      ]),
    ).toEqual([
      [0, 0],
      [1, 1],
    ])
  })
})

describe('file layouts', () => {
  const count = (n: number) => Float32Array.from({ length: n }, (_, i) => i)

  it('turn convolutions into OIDHW', () => {
    const { layout } = convolutionWeight(3, 4, 5, filledWith(0))
    expect(layout.shape).toEqual([5, 4, 3, 3, 3])
    const engine = count(27 * 20)
    const file = toFile(engine, layout)
    for (const [o, i, d, h, w] of [
      [0, 0, 0, 0, 0],
      [4, 3, 2, 1, 0],
      [1, 2, 0, 2, 1],
    ] as const) {
      expect(file[(((o * 4 + i) * 3 + d) * 3 + h) * 3 + w]).toBe((((d * 3 + h) * 3 + w) * 4 + i) * 5 + o)
    }
    expect(fromFile(file, layout)).toEqual(engine)
  })

  it('turn linear weights into [out, in]', () => {
    const { layout } = linearWeight(2, 3, filledWith(0))
    expect(layout.shape).toEqual([3, 2])
    expect([...toFile(Float32Array.of(1, 2, 3, 4, 5, 6), layout)]).toEqual([1, 4, 2, 5, 3, 6])
  })

  it('flatten feature maps in the order C, D, H, W: both sides give the same result', () => {
    const [depth, height, width, channels, outputs] = [2, 3, 4, 5, 3] as const
    const { layout, spec } = flattenedLinearWeight([depth, height, width, channels], outputs, filledWith(0))
    const inputs = depth * height * width * channels
    expect(layout.shape).toEqual([outputs, inputs])
    expect(spec.shape).toEqual([inputs, outputs])
    const file = count(inputs * outputs).map((value) => Math.sin(value))
    const features = count(inputs).map((value) => Math.cos(value))
    const at = (c: number, d: number, h: number, w: number) =>
      features[((d * height + h) * width + w) * channels + c]!
    const expected = Array.from({ length: outputs }, (_, o) => {
      let sum = 0
      let column = 0
      for (let c = 0; c < channels; c++)
        for (let d = 0; d < depth; d++)
          for (let h = 0; h < height; h++)
            for (let w = 0; w < width; w++) sum += file[o * inputs + column++]! * at(c, d, h, w)
      return sum
    })
    const product = matmul(input('x', f32(1, inputs)), input('w', f32(inputs, outputs)))
    const [got] = execute([product], { inputs: { x: features, w: fromFile(file, layout) } })
    got!.forEach((value, o) => {
      expect(value).toBeCloseTo(expected[o]!, 10)
    })
    expect(toFile(fromFile(file, layout), layout)).toEqual(file)
  })
})

describe('the state of a network', () => {
  const { parameterArena, trained } = bind('generator', tiny())
  const words = initialArena(parameterArena, trained, 1)

  it('goes into tensors and back, under a prefix too', () => {
    for (const prefix of ['', 'adam.first.']) {
      const tensors = arenaToTensors(words, trained, prefix)
      expect([...tensors.keys()][0]).toBe(`${prefix}generator.enc1.conv0.weight`)
      expect(tensors.get(`${prefix}generator.fc.weight`)!.shape).toEqual([3, 48])
      expect(tensorsToArena(tensors, parameterArena, trained, prefix)).toEqual(words)
    }
  })

  it.each<[string, (tensors: Map<string, StoredTensor>) => void, string]>([
    ['a missing tensor', (t) => t.delete('generator.fc.bias'), 'tensor "generator.fc.bias" is missing'],
    [
      'another shape',
      (t) => t.set('generator.fc.weight', { shape: [48, 3], values: new Float32Array(144) }),
      'tensor "generator.fc.weight" has the shape [48,3], this network has [3,48]',
    ],
    [
      'another type',
      (t) => t.set('generator.fc.bias', { shape: [3], values: new Float64Array(3) }),
      'tensor "generator.fc.bias" must be of type F32',
    ],
  ])('is refused with %s', (_, spoil, message) => {
    const tensors = arenaToTensors(words, trained)
    spoil(tensors)
    expect(() => tensorsToArena(tensors, parameterArena, trained)).toThrow(SafetensorsError)
    expect(() => tensorsToArena(tensors, parameterArena, trained)).toThrow(message)
  })
})
