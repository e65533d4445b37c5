import { bind, grad, type Network } from '@voxnorm/autograd'
import {
  collect,
  compile,
  execute,
  f32,
  input,
  mul,
  type Runtime,
  sliceOf,
  sum,
  type Tensor,
  type Variable,
} from '@voxnorm/tensor'
import { fill } from '@voxnorm/tensor/tuning'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Padding } from '../src/config.ts'
import { runUNet3d, type UNet3d, uNet3d } from '../src/unet3d.ts'
import { openTestDevice } from './device.ts'

let runtime: Runtime
let close: () => void
beforeAll(async () => {
  const device = await openTestDevice()
  runtime = device.runtime
  close = device.close
})
afterAll(() => close?.())

const patches = f32(2, 8, 16, 8, 1)
const feeds = { x: fill({ spec: patches }, 1), ct: fill({ spec: f32(2, 8, 16, 8, 2) }, 2) }

/**
 * Output and all gradients of a U-Net in evaluation mode, where random statistics keep it from the kinks. `asWritten` asks
 * for the gradients of the joined tensors as well: then they must exist.
 */
function graphOf(network: Network<UNet3d>, padding: Padding, asWritten = false): Tensor[] {
  const options = { padding, activation: 'leaky-relu', mode: 'evaluation' } as const
  const { output } = runUNet3d(network.weights, input('x', patches), options)
  const loss = sum(mul(output, input('ct', output.spec)))
  const targets = network.trained.map(({ tensor }) => tensor)
  const joined = asWritten
    ? collect([output]).filter(({ op, shape }) => op.name === 'concat' && shape.length === 5)
    : []
  return [output, ...grad(loss, [...targets, ...joined]).slice(0, targets.length)]
}

/** Random parameters: all positive, for variances must be; weights are moved to both sides of zero. */
function randomArenas({ parameterArena, statisticsArena }: Network<UNet3d>) {
  const values = (words: number, seed: number, shift: number) =>
    Float32Array.from(fill({ spec: f32(words), fill: 'positive' }, seed), (value) => value + shift)
  return {
    parameters: values(parameterArena.words, 3, -1),
    statistics: values(statisticsArena.words, 4, 0),
  }
}

const opNames = (tensors: readonly Tensor[]) => new Set(collect(tensors).map(({ op }) => op.name))

const distance = (got: ArrayLike<number>, expected: Float64Array): number => {
  const errors = expected.reduce((total, value, index) => total + (value - got[index]!) ** 2, 0)
  return Math.sqrt(errors / expected.reduce((total, value) => total + value ** 2, 1e-30))
}

describe.each(['zero', 'replicate'] as const)('a U-Net with %s padding and its decoder split', (padding) => {
  it('has the output and the gradients of the U-Net as written', async () => {
    const network = bind('net', uNet3d(1, 1, 2))
    const written = graphOf(network, padding, true)
    const split = graphOf(network, padding)
    expect(opNames(written.slice(1))).toContain('upsample')
    expect(opNames(split.slice(1))).not.toContain('upsample')
    expect(opNames(split.slice(1))).toContain('upsampledConv3dWeight')

    const { parameters, statistics } = randomArenas(network)
    const variables = new Map<Variable, Float32Array>([
      ...network.trained.map(({ variable }) => [variable, sliceOf(parameters, variable)] as const),
      ...network.statistics.map(({ variable }) => [variable, sliceOf(statistics, variable)] as const),
    ])
    const expected = execute(written, { inputs: feeds, variables })
    const got = execute(split, { inputs: feeds, variables })
    got.forEach((values, index) => {
      expect(distance(values, expected[index]!)).toBeLessThan(1e-12)
    })

    for (const arena of [network.parameterArena, network.statisticsArena]) await arena.allocate(runtime)
    network.parameterArena.writeAll(parameters)
    network.statisticsArena.writeAll(statistics)
    const plan = await compile(runtime, { name: 'split', outputs: Object.fromEntries(split.entries()) })
    const onDevice = Object.values(await plan.run(feeds))
    plan.dispose()
    expect(plan.steps.some(({ name }) => /^upsample /.test(name))).toBe(false)
    onDevice.forEach((values, index) => {
      expect(distance(values, expected[index]!)).toBeLessThan(1e-4)
    })
  })
})
