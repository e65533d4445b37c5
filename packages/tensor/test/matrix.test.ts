import { afterAll, describe, expect, it } from 'vitest'
import { create } from 'webgpu'
import { input, type Tensor } from '../src/graph/tensor.ts'
import { openGpu } from '../src/node/index.ts'
import type { Kernel } from '../src/op.ts'
import { forwardMatrix, inputMatrix, weightMatrix } from '../src/ops/conv3d/matrix.ts'
import { chooseKernel } from '../src/plan/choose.ts'
import type { Capabilities } from '../src/runtime/capabilities.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import {
  type Conv3dProblem,
  checkCase,
  conv3dCase,
  inHalves,
  type OpCase,
  uNetLayers,
} from '../src/testing/index.ts'
import { withEmulatedMatrices } from './emulated-matrices.ts'

const OPS = ['conv3d', 'conv3dInput', 'conv3dWeight'] as const
const KERNELS = { conv3d: forwardMatrix, conv3dInput: inputMatrix, conv3dWeight: weightMatrix }

/** A GPU with matrix units, as an NVIDIA one shows itself. */
const gpu: Capabilities = {
  adapter: 'a GPU',
  software: false,
  subgroupSize: 32,
  features: new Set(['subgroups', 'shader-f16', 'chromium-experimental-subgroup-matrix']),
  matrices: 'present',
  limits: {
    maxStorageBufferBindingSize: 2 ** 31 - 4,
    maxBufferSize: 2 ** 32 - 4,
    maxComputeWorkgroupStorageSize: 49_152,
    maxComputeInvocationsPerWorkgroup: 1024,
  },
}
/** With WebGPU's default limits, which are those of Dawn's backend without a device. */
const smallGpu: Capabilities = {
  ...gpu,
  limits: { ...gpu.limits, maxComputeWorkgroupStorageSize: 16_384 },
}

const halfCase = (op: (typeof OPS)[number], problem: Conv3dProblem): OpCase =>
  inHalves(conv3dCase(op, problem))!
const nodeOf = (opCase: OpCase): Tensor =>
  opCase.build(opCase.inputs.map(({ spec }, index) => input(`x${index}`, spec)))
const layers = uNetLayers(32, 32, 8)
const wide = layers[1]!

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
    async (matrices) => {
      const device = { ...smallGpu, matrices }
      const nobody = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
      const runtime = await Runtime.open(nobody)
      const texts = new Set<string>()
      for (const layer of matrices === 'present' ? [...layers, { ...wide, stride: 2 }] : [wide]) {
        for (const op of OPS) {
          const node = nodeOf(halfCase(op, layer))
          const specs = node.inputs.map(({ spec }) => spec)
          const kernel = chooseKernel(node, device, {}, 'null')
          if (kernel.name !== 'matrix') continue
          const [stage] = kernel.program(specs, node.spec, node.params, device).stages
          const { source, file, constants, bindings } = stage!
          const isHalf = (slot: string) =>
            slot === 'output' ? node.spec.dtype === 'f16' : slot.startsWith('input')
          const halves = bindings.flatMap((slot, binding) => (isHalf(slot) ? binding : []))
          await runtime.kernel(source, file, constants, halves)
          texts.add(`${file}${JSON.stringify(constants)}`)
        }
      }
      expect(texts.size).toBeGreaterThan(2)
      runtime.dispose()
    },
  )
})

describe('the indices of the kernel for matrix units', async () => {
  const opened = await openGpu({ device: process.env['VOXNORM_TEST_DEVICE'] ?? 'software' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software })
  afterAll(() => {
    runtime.dispose()
    opened.release()
  })
  const { features, limits } = runtime.capabilities
  // The smallest tile has several matrices for each subgroup, and is the quickest to compile.
  const tinyGpu = { ...gpu, limits: { ...limits, maxComputeWorkgroupStorageSize: 13_000 } }
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

  it.runIf(canRun).each(cases)('%s: are right, with emulated matrices, in %o', async (op, problem) => {
    const opCase = halfCase(op, problem)
    const names = { factors: 'tiles', results: 'leaving', size: 'shape.batch' }
    const emulated = withEmulatedMatrices(opCase, KERNELS[op] as Kernel<never>, tinyGpu, names)
    // With a replicated padding, gradients of several outputs are added up and rounded before they are multiplied.
    const isRounded = op === 'conv3dInput' && problem.mode === 'replicate'
    const tolerance = isRounded ? 1e-3 : (opCase.tolerance ?? 5e-6)
    await checkCase(runtime, { ...emulated, tolerance })
  })
})
