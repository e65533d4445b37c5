import { nap, openGpu } from '@voxnorm/node'
import { afterAll, describe, expect, it } from 'vitest'
import { create } from 'webgpu'
import { type DType, f32 } from '../src/graph/spec.ts'
import { apply, input, type Tensor } from '../src/graph/tensor.ts'
import { type Kernel, type Op, type Program, textOf } from '../src/op.ts'
import type { Conv3dParams } from '../src/ops/conv3d/geometry.ts'
import { conv3dOp } from '../src/ops/conv3d/op.ts'
import { upsampledConv3d } from '../src/ops/upconv3d/op.ts'
import { chooseKernel, kernelOf, waysOf } from '../src/plan/choose.ts'
import { compile } from '../src/plan/compile.ts'
import type { Capabilities } from '../src/runtime/capabilities.ts'
import { matrixUnits } from '../src/runtime/matrix-syntax.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import {
  type Conv3dProblem,
  checkCase,
  conv3dCase,
  inHalves,
  type OpCase,
  picker,
  tune,
  uNetLayers,
} from '../src/tuning/index.ts'
import { fingerprintOf, isTunable, problemOf, ruleOf } from '../src/tuning/problem.ts'

const opened = await openGpu({ device: process.env['VOXNORM_TEST_DEVICE'] ?? 'swiftshader' })
const runtime = await Runtime.open(opened.gpu, { software: opened.software, pause: nap })
afterAll(() => {
  runtime.dispose()
  opened.release()
})
const { capabilities } = runtime

/** A GPU with WebGPU's default limits, and one with matrix units and more workgroup memory. */
const plainGpu: Capabilities = {
  adapter: 'a GPU',
  software: false,
  subgroupSize: 32,
  features: new Set(['subgroups', 'shader-f16']),
  matrices: null,
  limits: {
    maxStorageBufferBindingSize: 2 ** 27,
    maxBufferSize: 2 ** 28,
    maxComputeWorkgroupStorageSize: 16_384,
    maxComputeInvocationsPerWorkgroup: 256,
  },
}
const roomyGpu: Capabilities = {
  ...plainGpu,
  matrices: await matrixUnits('present'),
  limits: { ...plainGpu.limits, maxComputeWorkgroupStorageSize: 49_152 },
}

const OPS = ['conv3d', 'conv3dInput', 'conv3dWeight'] as const
const odd: Conv3dProblem = {
  kernel: 3,
  stride: 1,
  padding: 1,
  mode: 'replicate',
  batch: 1,
  size: [3, 4, 5],
  inputs: 21,
  outputs: 35,
}
const nodeOf = (opCase: OpCase): Tensor =>
  opCase.build(opCase.inputs.map(({ spec }, index) => input(`x${index}`, spec)))
const variantsOf = (opCase: OpCase, device: Capabilities, kernel: string) =>
  waysOf(nodeOf(opCase), device).filter((way) => way !== kernel && kernelOf(way) === kernel)
const programOf = (node: Tensor, device: Capabilities, way: string): Program => {
  const specs = node.inputs.map(({ spec }) => spec)
  return chooseKernel(node, device, { [node.op.name]: way }, 'test').program(
    specs,
    node.spec,
    node.params,
    device,
  )
}

describe('variants of the product', () => {
  // The members share their text, and compiling takes a software renderer seconds: each variant is run by one of them.
  it.each(OPS)('compute the same on a software renderer, every one for one member: %s', async (member) => {
    const opCase = conv3dCase(member, odd)
    const ways = variantsOf(opCase, capabilities, 'gemm')
    expect(ways.length).toBeGreaterThan(5)
    const kernels = ways.filter((_, index) => index % OPS.length === OPS.indexOf(member))
    await expect(checkCase(runtime, opCase, { kernels })).resolves.toHaveLength(kernels.length)
  })

  it('compute the same with a tile for GPUs, any of them', async () => {
    const opCase = conv3dCase('conv3d', { ...odd, inputs: 20, outputs: 36 })
    const node = nodeOf(opCase)
    const ways = variantsOf(opCase, roomyGpu, 'gemm')
    const way = ways[picker(7)(0, ways.length - 1)]!
    const kernel: Kernel<never> = { name: 'tile', program: () => programOf(node, roomyGpu, way) }
    const op = { ...opCase.op, kernels: [kernel] }
    const build: OpCase['build'] = (inputs) => apply(op, inputs, node.params as never)
    await expect(checkCase(runtime, { ...opCase, op, build })).resolves.toHaveLength(1)
  })

  const layers = uNetLayers(32, 32, 8)
  const cases = [...layers, { ...layers[1]!, stride: 2 }].flatMap((layer) =>
    OPS.flatMap((op) => [conv3dCase(op, layer), inHalves(conv3dCase(op, layer))!]),
  )
  it.each([
    ['default limits', plainGpu],
    ['more memory and matrix units', roomyGpu],
  ])('keep to %s, are two dozen at most, and none is the rule’s', (_, device) => {
    for (const opCase of cases) {
      const node = nodeOf(opCase)
      const ways = waysOf(node, device)
      expect(new Set(ways).size).toBe(ways.length)
      const texts = new Set<string>()
      for (const kernel of ['gemm', 'matrix', 'halo']) {
        const own = ways.filter((way) => kernelOf(way) === kernel)
        expect(own.length).toBeLessThanOrEqual(25)
        for (const way of own) {
          const { stages, scratch = [] } = programOf(node, device, way)
          for (const words of scratch) expect(words * 4).toBeLessThan(2 ** 27)
          for (const { grid } of stages) expect(Math.max(...grid)).toBeLessThanOrEqual(65_535)
          texts.add(JSON.stringify([kernel, stages[0]!.constants, stages[0]!.grid]))
        }
      }
      expect(texts.size).toBe(ways.filter((way) => ['gemm', 'matrix', 'halo'].includes(kernelOf(way))).length)
    }
  })

  it('compile for GPUs', async () => {
    const nobody = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
    const nowhere = await Runtime.open(nobody)
    let texts = 0
    for (const layer of [layers[1]!, layers[7]!]) {
      for (const op of OPS) {
        const node = nodeOf(conv3dCase(op, layer))
        for (const way of waysOf(node, plainGpu).filter((name) => name.startsWith('gemm/'))) {
          const [{ source, file, constants }] = programOf(node, plainGpu, way).stages as [
            Program['stages'][0],
          ]
          await nowhere.kernel(await textOf(source), file, constants)
          texts++
        }
      }
    }
    expect(texts).toBeGreaterThan(40)
    nowhere.dispose()
  })
})

const params: Conv3dParams = { kernel: 3, stride: 1, padding: 1, mode: 'zero' }
const plain = conv3dOp.kernels.at(-1)!

/** A convolution whose kernel `tiled` has two right variants, one that is wrong, one with a gap and one that is no WGSL. */
function convolutionWith(more: Partial<Op<Conv3dParams>> = {}, dtype: DType = 'f32'): Tensor {
  const x = input('x', { shape: [1, 3, 4, 5, 2], dtype })
  const w = input('w', { shape: [3, 3, 3, 2, 3], dtype })
  const changed = (change: (program: Program) => Program) => () =>
    change(plain.program([x.spec, w.spec], f32(1, 3, 4, 5, 3), params, capabilities))
  const first = (program: Program, change: object): Program => ({
    stages: [{ ...program.stages[0]!, ...change }],
  })
  const tiled: Kernel<Conv3dParams> = {
    ...plain,
    name: 'tiled',
    variants: () => [
      { name: 'quick', program: changed((program) => program) },
      { name: 'slow', program: changed((program) => program) },
      // Replicates the border instead of zeros.
      {
        name: 'wrong',
        program: changed((program) =>
          first(program, { uniforms: { u32: program.stages[0]!.uniforms!.u32!.with(12, 1) } }),
        ),
      },
      { name: 'gap', program: changed((program) => first(program, { grid: [1, 1, 1] })) },
      { name: 'broken', program: changed((program) => first(program, { source: 'fn main(' })) },
    ],
  }
  const op: Op<Conv3dParams> = { ...conv3dOp, kernels: [tiled, plain], ...more }
  return apply(op, [x, w], params)
}

describe('tuning', () => {
  const TIMES: Readonly<Record<string, number>> = {
    'tiled/quick': 2,
    tiled: 2.5,
    direct: 2.55,
    'tiled/slow': 5,
  }
  const lies = (asked: string[]) => ({
    now: () => 0,
    time: async (way: string) => {
      asked.push(way)
      return TIMES[way] ?? 0.001
    },
  })

  it('never chooses a way that is wrong, leaves something out or does not compile, and says which those are', async () => {
    const asked: string[] = []
    const node = convolutionWith()
    const before = runtime.allocatedBytes
    const { best, runnerUp, rule, refused } = await tune(runtime, node, lies(asked))
    expect(runtime.allocatedBytes).toBe(before)
    expect(best).toEqual({ way: 'tiled/quick', milliseconds: 2 })
    expect(runnerUp).toEqual({ way: 'tiled', milliseconds: 2.5 })
    expect(rule).toEqual({ way: 'tiled', milliseconds: 2.5 })
    expect(refused.map(({ way }) => way)).toEqual(['tiled/wrong', 'tiled/gap', 'tiled/broken'])
    expect(refused[0]!.error.message).toMatch(/conv3d\.tiled\/wrong .*element \d+ is/)
    expect(refused[2]!.error.message).toMatch(/does not compile/)
    expect(new Set(asked)).toEqual(new Set(Object.keys(TIMES)))
  })

  it('gives up what is slow after a round, and times the rest in turns', async () => {
    const asked: string[] = []
    await tune(runtime, convolutionWith(), lies(asked))
    expect(asked.filter((way) => way === 'tiled/slow')).toHaveLength(2)
    expect(asked.slice(8, 14)).toEqual(['tiled', 'tiled/quick', 'direct', 'tiled', 'tiled/quick', 'direct'])
  })

  it('stops when its time is up, but not before everything was timed once', async () => {
    const asked: string[] = []
    let now = 0
    await tune(runtime, convolutionWith(), { ...lies(asked), now: () => 1500 * now++ })
    expect(asked.filter((way) => way === 'tiled')).toHaveLength(3)
  })

  it.each(capabilities.features.has('shader-f16') ? (['f32', 'f16'] as const) : (['f32'] as const))(
    'times with the device’s clock by itself: %s',
    async (dtype) => {
      const late = { now: () => Number.POSITIVE_INFINITY }
      const { best, refused } = await tune(runtime, convolutionWith({}, dtype), late)
      expect(best.milliseconds).toBeGreaterThan(0)
      expect(refused).toHaveLength(3)
    },
  )

  it('tells problems apart by shapes and parameters, and is out of date when a kernel changes', () => {
    const node = convolutionWith()
    expect(problemOf(node)).toBe(
      'conv3d f32[1,3,4,5,2] f32[3,3,3,2,3] → f32[1,3,4,5,3] {"kernel":3,"stride":1,"padding":1,"mode":"zero"}',
    )
    expect(fingerprintOf(convolutionWith(), capabilities)).toBe(fingerprintOf(node, capabilities))
    const fixed: Kernel<Conv3dParams> = {
      ...plain,
      program: (...all) => {
        const [stage] = plain.program(...all).stages
        return { stages: [{ ...stage!, source: `// corrected\n${stage!.source}` }] }
      },
    }
    const changed = convolutionWith({
      kernels: [convolutionWith().op.kernels[0] as Kernel<Conv3dParams>, fixed],
    })
    expect(fingerprintOf(changed, capabilities)).not.toBe(fingerprintOf(node, capabilities))
  })

  it('is for ops with tunables: convolutions, their gradients, and those of upsampled volumes', () => {
    for (const op of OPS) expect(isTunable(nodeOf(conv3dCase(op, odd)))).toBe(true)
    const low = input('low', f32(1, 2, 2, 2, 4))
    expect(isTunable(upsampledConv3d(low, input('v', f32(3, 3, 3, 4, 4)), null, { mode: 'zero' }))).toBe(true)
    expect(isTunable(low)).toBe(false)
  })

  it('is what a plan goes by, unless a kernel is named', async () => {
    const node = convolutionWith()
    const files = async (options: Parameters<typeof compile>[2]) =>
      (await compile(runtime, { name: 'tuned', outputs: { y: node } }, options)).steps.map(({ grid }) => grid)
    expect(ruleOf(node, capabilities)).toBe('tiled')
    expect(await files({ tuned: () => undefined })).toEqual([[3, 1, 1]])
    expect(await files({ tuned: () => 'tiled/gap' })).toEqual([[1, 1, 1]])
    expect(await files({ tuned: () => 'tiled/gap', kernels: { conv3d: 'direct' } })).toEqual([[3, 1, 1]])
    await expect(files({ kernels: { conv3d: 'tiled/none' } })).rejects.toThrow('no kernel "tiled/none"')
  })
})
