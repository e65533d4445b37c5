import { nap, openGpu } from '@voxnorm/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  apply,
  compile,
  concat,
  conv3d,
  execute,
  f16,
  f32,
  input,
  Runtime,
  splitUpsampledConvolutions,
  type Tensor,
} from '../src/index.ts'
import { conv3dInputOp, conv3dWeightOp } from '../src/ops/conv3d/op.ts'
import { upsampledConv3dInputOp, upsampledConv3dWeightOp } from '../src/ops/upconv3d/op.ts'
import { sumPoolOp, upsample } from '../src/ops/upsample/op.ts'
import { compare, fill } from '../src/tuning/index.ts'

let runtime: Runtime
let release: () => void
beforeAll(async () => {
  const opened = await openGpu({ device: 'software' })
  runtime = await Runtime.open(opened.gpu, { software: opened.software, pause: nap })
  release = () => opened.release()
})
afterAll(() => {
  runtime?.dispose()
  release?.()
})

// 4096 voxels with 27·80 sums of taps each are more than is held at a time.
const specs = { x: f32(1, 16, 16, 16, 1), w: f32(3, 3, 3, 1, 80), dy: f32(1, 32, 32, 32, 80) }
const convolution = { kernel: 3, stride: 1, padding: 1, mode: 'replicate' } as const
const operand = (name: keyof typeof specs) => input(name, specs[name])

const gradients = {
  input: {
    fed: ['dy', 'w'],
    pieces: apply(upsampledConv3dInputOp, [operand('dy'), operand('w')], { mode: 'replicate' }),
    whole: apply(
      sumPoolOp,
      [apply(conv3dInputOp, [operand('dy'), operand('w')], { ...convolution, shape: [1, 32, 32, 32, 1] })],
      null,
    ),
  },
  weight: {
    fed: ['x', 'dy'],
    pieces: apply(upsampledConv3dWeightOp, [operand('x'), operand('dy')], { mode: 'replicate' }),
    whole: apply(conv3dWeightOp, [upsample(operand('x')), operand('dy')], {
      ...convolution,
      shape: specs.w.shape,
    }),
  },
}

describe('a gradient that is done in pieces', () => {
  it.each(['input', 'weight'] as const)('is that of the whole volume: %s', async (name) => {
    const { fed, pieces, whole } = gradients[name]
    const feeds = Object.fromEntries(
      Object.entries(specs)
        .filter(([operandName]) => fed.includes(operandName))
        .map(([operandName, spec], index) => [operandName, fill({ spec }, index + 1)]),
    )
    const plan = await compile(runtime, { name, outputs: { y: pieces } })
    const { y } = await plan.run(feeds)
    // Sums of taps and their product, twice.
    expect(plan.summary.dispatches).toBeGreaterThanOrEqual(4)
    plan.dispose()
    const other = await compile(runtime, { name, outputs: { y: whole } })
    const expected = await other.run(feeds)
    other.dispose()
    compare(name, y!, Float64Array.from(expected['y']!), 2e-5)
  })
})

it('a convolution is split where its result has the type of what it reads', () => {
  const joined = concat([input('skip', f16(1, 2, 2, 2, 3)), upsample(input('low', f16(1, 1, 1, 1, 2)))])
  const params = { stride: 1, padding: 1, mode: 'zero' } as const
  const same = conv3d(joined, input('w', f32(3, 3, 3, 5, 4)), null, params)
  const other = conv3d(joined, input('w', f32(3, 3, 3, 5, 4)), null, { ...params, result: 'f32' })
  const became = splitUpsampledConvolutions.apply([same, other])
  expect(became.get(same)).toMatchObject({ op: { name: 'upsampledConv3d' }, spec: same.spec })
  expect(became.get(other)).toBe(other)
})

it('a plan splits a decoder that calls for nothing of the kind', async () => {
  const specs = { skip: f32(1, 4, 4, 4, 3), low: f32(1, 2, 2, 2, 2), w: f32(3, 3, 3, 5, 4) }
  const [skip, low, w] = Object.entries(specs).map(([name, spec]) => input(name, spec))
  const joined = concat([skip!, upsample(low!)])
  const y = conv3d(joined, w!, null, { stride: 1, padding: 1, mode: 'replicate' })
  const entries = Object.entries(specs).map(([name, spec], index) => [name, fill({ spec }, index)] as const)
  const inputs = Object.fromEntries(entries)
  const [expected] = execute([y], { inputs })
  const opsOf = async (outputs: Readonly<Record<string, Tensor>>) => {
    const plan = await compile(runtime, { name: 'decoder', outputs })
    compare('decoder', (await plan.run(inputs))['y']!, expected!, 5e-6)
    plan.dispose()
    return plan.steps.map(({ name }) => name.split(' ')[0])
  }
  const split = await opsOf({ y })
  expect(split).toContain('upsampledConv3d')
  expect(split).not.toContain('upsample')
  // What somebody asks for exists anyway.
  expect(await opsOf({ y, joined })).not.toContain('upsampledConv3d')
})
