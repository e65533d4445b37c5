import { nap, openGpu } from '@voxnorm/node'
import { afterAll, describe, expect, it } from 'vitest'
import { create } from 'webgpu'
import { type Kernel, textOf } from '../src/op.ts'
import { chooseKernel } from '../src/plan/choose.ts'
import type { Capabilities } from '../src/runtime/capabilities.ts'
import { matrixUnits } from '../src/runtime/matrix-syntax.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import { fusedCase } from '../src/testing/index.ts'
import {
  type Conv3dProblem,
  checkCase,
  conv3dCase,
  inHalves,
  type OpCase,
  type UpsampledConv3dProblem,
  uNetLayers,
  upsampledConv3dCase,
} from '../src/tuning/index.ts'
import { matrixGpu as gpu, nodeOf, withEmulatedMatrices } from './emulated-matrices.ts'

const OPS = ['conv3d', 'conv3dInput', 'conv3dWeight'] as const
const UPSAMPLED = ['upsampledConv3d', 'upsampledConv3dInput', 'upsampledConv3dWeight'] as const

/** With WebGPU's default limits, which are those of Dawn's backend without a device. */
const smallGpu: Capabilities = {
  ...gpu,
  limits: { ...gpu.limits, maxComputeWorkgroupStorageSize: 16_384 },
}

const halfCase = (op: (typeof OPS)[number], problem: Conv3dProblem): OpCase =>
  inHalves(conv3dCase(op, problem))!
const layers = uNetLayers(32, 32, 8)
/** Of 8³ voxels: larger ones are convolved from a halo. */
const wide = layers[4]!

describe('the kernel for matrix units', () => {
  const chosen = (device: Capabilities, opCase: OpCase) =>
    chooseKernel(nodeOf(opCase), device, {}, 'test').name

  it.each(OPS)('%s: is taken for factors in half precision on devices that have them', (op) => {
    expect(chosen(gpu, halfCase(op, wide))).toBe('matrix')
    expect(chosen(smallGpu, halfCase(op, wide))).toBe('matrix')
    expect(chosen({ ...gpu, matrices: null }, halfCase(op, wide))).toBe('gemm')
    expect(chosen({ ...gpu, subgroupSize: 16 }, halfCase(op, wide))).toBe('gemm')
    expect(chosen(gpu, conv3dCase(op, wide))).toBe('gemm')
    expect(chosen(gpu, halfCase(op, { ...wide, inputs: 6 }))).toBe('gemm')
  })

  it.each(['present', 'former'] as const)(
    'compiles for the layers of a network, in the %s syntax',
    async (syntax) => {
      const device = { ...smallGpu, matrices: await matrixUnits(syntax) }
      const nobody = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
      const runtime = await Runtime.open(nobody)
      const texts = new Set<string>()
      const sizes = [...(syntax === 'present' ? [...layers, { ...wide, stride: 2 }] : [wide])]
      const cases = [
        ...sizes.flatMap((layer) => OPS.map((op) => halfCase(op, layer))),
        ...(['normalized', 'moments', 'normalized moments'] as const).map(
          (wanted) => inHalves(fusedCase('conv3d with bias', wide, wanted))!,
        ),
        inHalves(fusedCase('conv3dWeight', wide, 'normalized'))!,
        inHalves(fusedCase('upsampledConv3d', wide, 'normalized moments'))!,
        ...UPSAMPLED.map((op) => inHalves(upsampledConv3dCase(op, wide))!),
      ]
      for (const opCase of cases) {
        const node = nodeOf(opCase)
        const specs = node.inputs.map(({ spec }) => spec)
        const kernel = chooseKernel(node, device, {}, 'null')
        if (kernel.name !== 'matrix') continue
        const { stages } = kernel.program(specs, node.spec, node.params, device)
        const stage = stages.find((one) => one.file.startsWith('matrix'))!
        const { source, file, constants, bindings } = stage
        const dtypeOf = (slot: string) =>
          (slot === 'output' ? node : node.inputs[Number(slot.slice(5))])?.spec.dtype
        const halves = bindings.flatMap((slot, binding) => (dtypeOf(slot) === 'f16' ? binding : []))
        await runtime.kernel(await textOf(source), file, constants, halves)
        texts.add(`${file}${JSON.stringify(constants)}`)
      }
      expect(texts.size).toBeGreaterThan(8)
      runtime.dispose()
    },
  )
})

describe('the indices of the kernel for matrix units', async () => {
  const opened = await openGpu({ device: process.env['VOXNORM_TEST_DEVICE'] ?? 'software' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software, pause: nap })
  afterAll(() => {
    runtime.dispose()
    opened.release()
  })
  const { features, limits } = runtime.capabilities
  // The smallest tile, or the two smallest: they have several matrices for each subgroup, and are quick to compile.
  const withRoom = (bytes: number) => ({
    ...gpu,
    limits: { ...limits, maxComputeWorkgroupStorageSize: bytes },
  })
  const canRun = features.has('shader-f16') && limits.maxComputeInvocationsPerWorkgroup >= 128

  const same3 = { kernel: 3, stride: 1, padding: 1 } as const
  const problems: readonly Conv3dProblem[] = [
    { ...same3, mode: 'zero', batch: 2, size: [3, 5, 6], inputs: 36, outputs: 68 },
    { ...same3, mode: 'replicate', batch: 1, size: [4, 5, 7], inputs: 4, outputs: 8 },
    {
      kernel: 3,
      stride: 2,
      padding: 1,
      mode: 'replicate',
      batch: 1,
      size: [5, 7, 6],
      inputs: 8,
      outputs: 12,
    },
  ]
  const cases = OPS.flatMap((op) => problems.map((problem) => [op, problem] as const))
  // So many rows that K stays in one piece: moments are those of whole sums.
  const long = { batch: 2, size: [11, 20, 20], inputs: 4, outputs: 36, mode: 'zero' } as const
  const odd = { batch: 2, size: [3, 5, 6], inputs: 36, outputs: 8, mode: 'zero' } as const
  const fused = [
    ['conv3d with bias', fusedCase('conv3d with bias', odd, 'normalized')],
    ['conv3d with bias', fusedCase('conv3d with bias', long, 'moments')],
    ['conv3d', fusedCase('conv3d', long, 'normalized moments')],
    ['conv3dWeight', fusedCase('conv3dWeight', odd, 'normalized')],
    ['upsampledConv3d', fusedCase('upsampledConv3d', { ...long, size: [7, 13, 12] }, 'normalized moments')],
    ['upsampledConv3dWeight', fusedCase('upsampledConv3dWeight', odd, 'normalized')],
  ] as const

  it.runIf(canRun).each(cases)('%s: are right, with emulated matrices, in %o', async (op, problem) => {
    // With a replicated padding, gradients of several outputs are added up and rounded before they are multiplied.
    const isRounded = op === 'conv3dInput' && problem.mode === 'replicate'
    await checkEmulated(halfCase(op, problem), isRounded ? 1e-3 : 5e-6, 'all layouts')
  })

  const upsampled: readonly UpsampledConv3dProblem[] = [
    { mode: 'zero', batch: 2, size: [2, 3, 5], inputs: 36, outputs: 68 },
    { mode: 'replicate', batch: 1, size: [3, 2, 4], inputs: 4, outputs: 8 },
  ]
  const upsampledCases = UPSAMPLED.flatMap((op) => upsampled.map((problem) => [op, problem] as const))
  // Sums of taps, and of gradients that meet in a voxel, are rounded before they are multiplied.
  it.runIf(canRun).each(upsampledCases)('%s: are right, with emulated matrices, in %o', (op, problem) =>
    checkEmulated(inHalves(upsampledConv3dCase(op, problem))!, 1e-3),
  )

  // What is normalised is rounded once more, for the matrices hold halves.
  it.runIf(canRun).each(fused)('%s: are right in a fused node', async (_, opCase) => {
    await checkEmulated(inHalves(opCase)!, 1e-3)
  })

  async function checkEmulated(opCase: OpCase, tolerance: number, layouts?: 'all layouts'): Promise<void> {
    const matrix = opCase.op.kernels.find(({ name }) => name === 'matrix')! as Kernel<unknown>
    const { inputs, spec, params } = nodeOf(opCase)
    const specs = inputs.map((tensor) => tensor.spec)
    const tinyGpu = withRoom(layouts ? 15_000 : 13_000)
    // The rule takes the smaller tile here.
    const others = layouts ? matrix.variants!(specs, spec, params, tinyGpu) : []
    if (layouts) expect(others.length).toBeGreaterThan(0)
    const kernels = [matrix, ...others] as readonly Kernel<never>[]
    const names = { factors: 'tiles', results: 'leaving', size: 'shape.batch' }
    const emulated = withEmulatedMatrices(opCase, kernels, tinyGpu, names)
    await checkCase(runtime, { ...emulated, tolerance: Math.max(tolerance, opCase.tolerance ?? 0) })
  }
})
