import { bind, grad, initialArena, type Network } from '@voxnorm/autograd'
import {
  compile,
  f32,
  input,
  mul,
  type Plan,
  type Runtime,
  splitUpsampledConvolutions,
  sum,
  type Tensor,
} from '@voxnorm/tensor'
import { PLAN_REWRITES, type PlanRewrite } from '@voxnorm/tensor/testing'
import { fill } from '@voxnorm/tensor/tuning'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Mode } from '../src/layers.ts'
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

const patches = f32(2, 16, 8, 16, 1)
const feeds = { x: fill({ spec: patches }, 1), ct: fill({ spec: f32(2, 16, 8, 16, 2) }, 2) }

async function network(): Promise<Network<UNet3d>> {
  const net = bind('net', uNet3d(4, 1, 2))
  for (const arena of [net.parameterArena, net.statisticsArena]) await arena.allocate(runtime)
  net.parameterArena.writeAll(initialArena(net.parameterArena, net.trained, 3))
  net.statisticsArena.writeAll(initialArena(net.statisticsArena, net.statistics, 3))
  return net
}

/** Output, moments and gradients of a U-Net, compiled with some rewrites. */
async function planOf(net: Network<UNet3d>, mode: Mode, rewrites?: readonly PlanRewrite[]): Promise<Plan> {
  const options = { padding: 'replicate', activation: 'leaky-relu', mode } as const
  const { output, norms } = runUNet3d(net.weights, input('x', patches), options)
  // In training a bias in front of a norm makes no difference: its gradient is rounding and nothing else.
  const matters = ({ name }: { readonly name: string }) => !/conv\d\.bias$/.test(name)
  const targets = net.trained.filter(matters).map(({ tensor }) => tensor)
  const gradients = grad(sum(mul(output, input('ct', output.spec))), targets)
  const wanted: Tensor[] = [output, ...norms.map(({ moments }) => moments), ...gradients]
  const outputs = Object.fromEntries(wanted.entries())
  return compile(runtime, { name: mode, outputs }, { ...(rewrites && { rewrites }) })
}

const distance = (got: Float32Array, expected: Float32Array): number => {
  const square = (values: Float32Array) => values.reduce((total, value) => total + value ** 2, 0)
  return Math.sqrt(square(got.map((value, index) => value - expected[index]!)) / (square(expected) + 1e-20))
}

/** How many dispatches of each op a plan has. */
function dispatches(plan: Plan): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { name } of plan.steps) {
    const op = name.split(' ')[0]!
    counts[op] = (counts[op] ?? 0) + 1
  }
  return counts
}

describe.each(['training', 'evaluation'] as const)('a U-Net in %s', (mode) => {
  it.each(
    PLAN_REWRITES.map((rewrite) => [rewrite.name, [rewrite]] as const).concat([
      ['all', PLAN_REWRITES as [PlanRewrite]],
    ]),
  )('is the same after the rewrite: %s', async (_, rewrites) => {
    const net = await network()
    const [plain, fused] = [await planOf(net, mode, []), await planOf(net, mode, rewrites)]
    const [expected, got] = [await plain.run(feeds), await fused.run(feeds)]
    plain.dispose()
    fused.dispose()
    expect(Object.keys(got)).toEqual(Object.keys(expected))
    for (const [name, values] of Object.entries(got))
      expect(distance(values, expected[name]!)).toBeLessThan(1e-4)
  })
})

describe('the plan of a training pass', () => {
  it('has hardly a pass left that only normalises, and none that only takes moments', async () => {
    const net = await network()
    const plain = await planOf(net, 'training', [splitUpsampledConvolutions])
    const fused = await planOf(net, 'training', PLAN_REWRITES)
    const [before, after] = [dispatches(plain), dispatches(fused)]
    plain.dispose()
    fused.dispose()
    expect(before).toMatchObject({ batchNorm: 14, moments: 28 })
    // The last one is read by a convolution of one voxel, whose kernel on software devices has no load to fuse with.
    expect(after['batchNorm']).toBe(1)
    expect(after['moments']).toBeUndefined()
    expect(after['channelScales']).toBe(13)
    expect(fused.summary.slotBytes).toBeLessThan(plain.summary.slotBytes)
  })
})
