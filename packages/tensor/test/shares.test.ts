import { nap, openGpu } from '@voxnorm/node'
import { afterAll, describe, expect, it } from 'vitest'
import { f32 } from '../src/graph/spec.ts'
import { apply, input } from '../src/graph/tensor.ts'
import type { Program, Stage } from '../src/op.ts'
import { sumOp } from '../src/ops/reduce/op.ts'
import { upsampledConv3dWeightOp } from '../src/ops/upconv3d/op.ts'
import type { Capabilities } from '../src/runtime/capabilities.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import { batchNormCase, checkCase, conv3dCase, type OpCase } from '../src/tuning/index.ts'
import { asIfOn } from './with-kernels.ts'

const opened = await openGpu({ device: process.env['VOXNORM_TEST_DEVICE'] ?? 'software' })
const runtime = await Runtime.open(opened.gpu, { software: opened.software, pause: nap })
afterAll(() => {
  runtime.dispose()
  opened.release()
})

/** Devices with WebGPU's default limits. */
const limits = {
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
}
const gpu: Capabilities = {
  adapter: 'a GPU',
  software: false,
  subgroupSize: 32,
  features: new Set(),
  matrices: null,
  limits,
}
const software: Capabilities = { ...gpu, software: true, subgroupSize: 8 }

const sumCase = (shape: readonly number[], axes: readonly number[]): OpCase => ({
  op: sumOp,
  name: `[${shape}] over ${axes}`,
  inputs: [{ spec: f32(...shape) }],
  build: (inputs) => apply(sumOp, inputs, { axes }),
})

const upsampledWeightCase = (batch: number, side: number, inputs: number, outputs: number): OpCase => ({
  op: upsampledConv3dWeightOp,
  name: `[${batch},${side}³] ${inputs} to ${outputs}`,
  inputs: [
    { spec: f32(batch, side / 2, side / 2, side / 2, inputs) },
    { spec: f32(batch, side, side, side, outputs) },
  ],
  build: (operands) => apply(upsampledConv3dWeightOp, operands, { mode: 'replicate' }),
  tolerance: 2e-5,
})

/** What each kernel of a case's op that fits a device would run there. */
function programs({ op, inputs, build }: OpCase, device: Capabilities): Map<string, Program> {
  const node = build(inputs.map(({ spec }, index) => input(`x${index}`, spec)))
  const specs = node.inputs.map(({ spec }) => spec)
  const params = node.params as never
  const fitting = op.kernels.filter((kernel) => kernel.fits?.(device, specs, node.spec, params) ?? true)
  return new Map(fitting.map((kernel) => [kernel.name, kernel.program(specs, node.spec, params, device)]))
}

const uniforms = ({ uniforms }: Stage): readonly number[] => uniforms!.u32!

describe('a sum that a large GPU shares out', () => {
  const cases = [
    sumCase([2 ** 21], [0]),
    sumCase([70_001, 12], [0]),
    sumCase([5, 9, 12_345], [2]),
    batchNormCase('moments', 70_001, 4),
    batchNormCase('moments', 70_001, 3),
    batchNormCase('batchNormSums', 70_001, 4),
  ]

  it.each(cases.map((opCase) => [`${opCase.op.name} ${opCase.name}`, opCase] as const))(
    'is right: %s',
    async (_, opCase) => {
      await checkCase(runtime, asIfOn(gpu, opCase))
    },
  )

  it('is joined in a tree: no invocation adds up more than some dozens of shares', () => {
    const sum = programs(sumCase([2 ** 26], [0]), gpu).get('shares')!
    expect(sum.scratch).toEqual([2 ** 17, 2 ** 12, 2 ** 7, 4])
    for (const [, summed, shares] of sum.stages.slice(1).map(uniforms)) {
      expect(summed! / shares!).toBeLessThanOrEqual(32)
    }
    const moments = programs(batchNormCase('moments', 2 ** 18, 64), gpu).get('shares')!
    const [first, second] = moments.stages.slice(1).map(uniforms)
    // A workgroup of 64 lanes joins those of a channel's shares that go to the same of 64.
    expect(first!.slice(2)).toEqual([2 ** 13, 64])
    expect(second!.slice(2)).toEqual([64, 1])
  })

  it('stays what it was on a software device: a pass, and one more that joins', () => {
    for (const opCase of [sumCase([2 ** 21], [0]), batchNormCase('moments', 70_001, 4)]) {
      const { scratch, stages } = programs(opCase, software).get('shares')!
      expect(stages).toHaveLength(2)
      expect(scratch![0]).toBeLessThanOrEqual(4 * 3 * 2048)
    }
  })
})

describe('the partial gradients of weights', () => {
  const layers = [4, 32, 64, 128, 256].flatMap((outputs) =>
    [2 * outputs, 4].map((inputs) => [inputs, outputs] as const),
  )

  it('fit one binding, for patches of 128 voxels a side', () => {
    for (const [inputs, outputs] of layers) {
      const problem = { kernel: 3, stride: 1, padding: 1, mode: 'zero', batch: 2, inputs, outputs } as const
      const cases = [
        upsampledWeightCase(2, 128, inputs, outputs),
        conv3dCase('conv3dWeight', { ...problem, size: [128, 128, 128] }),
      ]
      for (const device of [gpu, software, { ...software, subgroupSize: 4 }]) {
        for (const opCase of cases) {
          for (const [name, { scratch = [] }] of programs(opCase, device)) {
            const bytes = 4 * Math.max(0, ...scratch)
            expect(bytes, `${opCase.op.name}.${name} ${opCase.name}`).toBeLessThanOrEqual(2 ** 27)
          }
        }
      }
    }
  })

  it('are added to earlier ones where not all have room', async () => {
    const { capabilities } = runtime
    const opCase = upsampledWeightCase(1, 32, 1, 80)
    // Two pieces of the volume, and room for the shares of one.
    for (const shares of [3, 4]) {
      const room = { ...limits, maxStorageBufferBindingSize: shares * 4 * 27 * 80 }
      const crowded = { ...capabilities, limits: room }
      const direct = programs(opCase, crowded).get('direct')!
      expect(direct.scratch![0]).toBeLessThanOrEqual(shares * 27 * 80)
      await checkCase(runtime, asIfOn(crowded, opCase), { kernels: ['lanes', 'direct'] })
    }
  })
})
