import { nap, openGpu } from '@voxnorm/node'
import { afterAll, describe, expect, it } from 'vitest'
import { create } from 'webgpu'
import { type Kernel, type Slot, textOf } from '../src/op.ts'
import { fusedStage, ownInputs } from '../src/ops/batchnorm/fusion.ts'
import { type Conv3dParams, geometry } from '../src/ops/conv3d/geometry.ts'
import { forwardHalo, type HaloTile, haloLayout, haloProgram, TILES } from '../src/ops/conv3d/halo.ts'
import { chooseKernel, waysOf } from '../src/plan/choose.ts'
import type { Capabilities } from '../src/runtime/capabilities.ts'
import { matrixUnits } from '../src/runtime/matrix-syntax.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import { specialize } from '../src/runtime/specialize.ts'
import { fusedCase } from '../src/testing/index.ts'
import {
  type Conv3dProblem,
  checkCase,
  conv3dCase,
  inHalves,
  type OpCase,
  uNetLayers,
} from '../src/tuning/index.ts'
import { matrixGpu, nodeOf, withEmulatedMatrices } from './emulated-matrices.ts'

const DIRECTIONS = ['forward', 'input'] as const
type Direction = (typeof DIRECTIONS)[number]
const OPS = { forward: 'conv3d', input: 'conv3dInput' } as const

const same3 = { kernel: 3, stride: 1, padding: 1 } as const
const halfCase = (direction: Direction, problem: Conv3dProblem): OpCase =>
  inHalves(conv3dCase(OPS[direction], problem))!

/** The kernel in a certain tile, with shares as they are for `enough` workgroups. */
function kernelWith(direction: Direction, tile: HaloTile, enough?: number): Kernel<Conv3dParams> {
  return {
    name: 'halo',
    program(inputs, output, params, device) {
      const [x, w, bias] = ownInputs(inputs, params)
      const g = geometry('test', direction === 'forward' ? x! : output, w!, params)
      const fused = fusedStage(inputs, output, params, device)
      const options = direction === 'forward' ? { hasBias: bias !== undefined, fused } : {}
      return haloProgram(direction, g, options, device, haloLayout(direction, g, tile, enough))
    },
  }
}

/** Small enough for WebGPU's default limits. */
const SMALL: HaloTile = { BLOCK_DEPTH: 1, BLOCK_HEIGHT: 2, COLUMNS: 32, DEPTH: 16 }

describe('the choice of the halo kernel', () => {
  const cube = (side: number, batch: number, channels = 64): Conv3dProblem => {
    const sizes = { size: [side, side, side], inputs: channels, outputs: channels } as const
    return { ...same3, mode: 'replicate', batch, ...sizes }
  }
  const chosen = (direction: Direction, problem: Conv3dProblem, device = matrixGpu) =>
    chooseKernel(nodeOf(halfCase(direction, problem)), device, {}, 'test').name
  const withMemory = (maxComputeWorkgroupStorageSize: number): Capabilities => ({
    ...matrixGpu,
    limits: { ...matrixGpu.limits, maxComputeWorkgroupStorageSize },
  })

  it.each(DIRECTIONS)('%s: large volumes are convolved from a halo, others as before', (direction) => {
    expect(chosen(direction, cube(32, 8))).toBe('halo')
    expect(chosen(direction, cube(16, 8))).toBe('halo')
    expect(chosen(direction, cube(24, 1))).toBe('halo')
    expect(chosen(direction, cube(8, 8))).toBe('matrix')
    expect(chosen(direction, { ...cube(32, 8), size: [32, 32, 18] })).toBe('matrix')
    expect(chosen(direction, cube(16, 1))).toBe('matrix')
    expect(chosen(direction, { ...cube(32, 8), stride: 2 })).toBe('matrix')
    expect(chosen(direction, { ...cube(32, 8), padding: 0 })).toBe('matrix')
    expect(chosen(direction, cube(32, 8, 66))).toBe('gemm')
    expect(chosen(direction, cube(32, 8), { ...matrixGpu, matrices: null })).toBe('gemm')
  })

  it('is taken for fused nodes, too', () => {
    const opCase = inHalves(fusedCase('conv3d with bias', cube(32, 8), 'normalized moments'))!
    expect(chooseKernel(nodeOf(opCase), matrixGpu, {}, 'test').name).toBe('halo')
  })

  const programFor = (problem: Conv3dProblem, device: Capabilities) => {
    const { inputs, spec, params } = nodeOf(halfCase('forward', problem))
    const specs = inputs.map((tensor) => tensor.spec)
    return forwardHalo.program(specs, spec, params as Conv3dParams, device).stages[0]!
  }

  it('takes shorter slices where workgroup memory is short, and leaves the shortest to the other', () => {
    const depth = (device: Capabilities) => programFor(cube(32, 8), device).constants!['DEPTH']
    expect(depth(matrixGpu)).toBe(32)
    expect(depth(withMemory(32_768))).toBe(16)
    expect(chosen('forward', cube(32, 8), withMemory(16_384))).toBe('matrix')
  })

  it('shares channels out where blocks alone would leave most of a GPU idle', () => {
    const [x, y, shares] = programFor(cube(16, 1, 256), matrixGpu).grid
    expect([x * y, shares]).toEqual([128, 3])
  })

  it('has variants: each tile that fits, with other names than the rule', () => {
    const ways = waysOf(nodeOf(halfCase('forward', cube(16, 1, 256))), matrixGpu)
    const variants = ways.filter((way) => way.startsWith('halo/'))
    expect(new Set(variants).size).toBe(variants.length)
    expect(variants).toContain('halo/2x4x16-32-depth16-shares1')
    expect(variants).not.toContain('halo/2x4x16-64-depth32-shares3')
  })
})

describe('texts of the halo kernel', async () => {
  const runtime = await Runtime.open(create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']))
  afterAll(() => runtime.dispose())
  const layer = (mode: Conv3dParams['mode']): Conv3dProblem => ({ ...uNetLayers(32, 32, 8)[1]!, mode })
  const cases = [
    ['forward', halfCase('forward', layer('replicate'))],
    ['forward', inHalves(fusedCase('conv3d with bias', layer('zero'), 'normalized moments'))!],
    ['input', halfCase('input', layer('zero'))],
    ['input', halfCase('input', layer('replicate'))],
  ] as const

  it.each(['present', 'former'] as const)('compile, in the %s syntax', async (syntax) => {
    const device = { ...matrixGpu, matrices: await matrixUnits(syntax) }
    for (const [direction, opCase] of cases) {
      const stageOf = async (tile: HaloTile) => {
        const node = nodeOf(opCase)
        const specs = node.inputs.map((tensor) => tensor.spec)
        const params = node.params as Conv3dParams
        const { program } = kernelWith(direction, tile)
        const [stage] = program(specs, node.spec, params, device).stages
        const dtypeOf = (slot: Slot) =>
          (slot === 'output' ? node : node.inputs[Number(slot.slice(5))])?.spec.dtype
        const halves = stage!.bindings.flatMap((slot, at) => (dtypeOf(slot) === 'f16' ? at : []))
        return [await textOf(stage!.source), stage!.file, stage!.constants, halves] as const
      }
      await runtime.kernel(...(await stageOf(SMALL)))
      // Without a device the limits are WebGPU's defaults: of larger tiles all is checked but how much memory they take.
      for (const tile of TILES) {
        const module = runtime.device.createShaderModule({ code: specialize(...(await stageOf(tile))) })
        const { messages } = await module.getCompilationInfo()
        expect(messages.filter(({ type }) => type === 'error').map(({ message }) => message)).toEqual([])
      }
    }
    runtime.check()
  })
})

describe('indices of the halo kernel, with emulated matrices', async () => {
  const opened = await openGpu({ device: process.env['VOXNORM_TEST_DEVICE'] ?? 'software' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software, pause: nap })
  afterAll(() => {
    runtime.dispose()
    opened.release()
  })
  const { features, limits } = runtime.capabilities
  const canRun = features.has('shader-f16') && limits.maxComputeInvocationsPerWorkgroup >= 128
  // Tiles that a renderer compiles quickly. Together they have several matrices in every direction.
  const deep: HaloTile = { BLOCK_DEPTH: 2, BLOCK_HEIGHT: 2, COLUMNS: 32, DEPTH: 16, AT_ONCE: 2 }
  const wide: HaloTile = { BLOCK_DEPTH: 1, BLOCK_HEIGHT: 2, COLUMNS: 64, DEPTH: 32, AT_ONCE: 2 }

  const problems: readonly (readonly [HaloTile, Conv3dProblem])[] = [
    [deep, { ...same3, mode: 'replicate', batch: 2, size: [4, 5, 18], inputs: 20, outputs: 36 }],
    // Blocks that touch both sides of the volume.
    [deep, { ...same3, mode: 'replicate', batch: 1, size: [1, 2, 3], inputs: 20, outputs: 36 }],
    [deep, { ...same3, mode: 'replicate', batch: 2, size: [2, 1, 1], inputs: 36, outputs: 20 }],
    // So many blocks that a share has two slices: forwards the last one has fewer, backwards there is no other.
    [deep, { ...same3, mode: 'replicate', batch: 1, size: [24, 22, 2], inputs: 36, outputs: 20 }],
    [wide, { ...same3, mode: 'zero', batch: 1, size: [2, 1, 2], inputs: 36, outputs: 40 }],
    [wide, { ...same3, mode: 'zero', batch: 2, size: [3, 5, 17], inputs: 68, outputs: 44 }],
  ]
  const cases = DIRECTIONS.flatMap((direction) => problems.map((problem) => [direction, ...problem] as const))

  it.runIf(canRun).each(cases)('%s: are right in tiles of %o for %o', async (direction, tile, problem) => {
    const opCase = halfCase(direction, problem)
    // Along the width, gradients that meet at a replicated border are added and rounded before they are multiplied.
    const isRounded = direction === 'input' && problem.mode === 'replicate'
    await checkEmulated(opCase, kernelWith(direction, tile), isRounded ? 1e-3 : 5e-6)
  })

  const sizes = { batch: 2, size: [3, 5, 18], inputs: 20, outputs: 36 } as const
  const fused = [
    ['deep', deep, fusedCase('conv3d with bias', { ...sizes, mode: 'zero' }, 'normalized')],
    ['deep', deep, fusedCase('conv3d', { ...sizes, mode: 'replicate' }, 'normalized moments')],
    ['wide', wide, fusedCase('conv3d with bias', { ...sizes, mode: 'zero' }, 'moments')],
  ] as const
  // What is normalised is rounded once more, for the matrices hold halves.
  it.runIf(canRun).each(fused)('are right in a fused node in %s tiles', async (_, tile, fusedNode) => {
    const opCase = inHalves(fusedNode)!
    // Moments are those of whole sums, so there must be one share.
    await checkEmulated(opCase, kernelWith('forward', tile, 1), 1e-3)
  })

  async function checkEmulated(opCase: OpCase, kernel: Kernel<Conv3dParams>, tolerance: number) {
    const names = { factors: 'tiles', results: 'leaving', size: 'shape.batch' }
    const emulated = withEmulatedMatrices(opCase, [kernel as Kernel<never>], matrixGpu, names)
    await checkCase(runtime, { ...emulated, tolerance })
  }
})
