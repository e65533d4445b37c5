import { nap, openGpu } from '@voxnorm/node'
import { afterAll, describe, expect, it } from 'vitest'
import { create } from 'webgpu'
import { f32 } from '../src/graph/spec.ts'
import { collect, input, type Tensor } from '../src/graph/tensor.ts'
import { type Kernel, textOf } from '../src/op.ts'
import { fusedStage } from '../src/ops/batchnorm/fusion.ts'
import {
  type GemmLayout,
  gemmLayout,
  gemmProgram,
  type ProductSize,
  productSize,
  TILES,
} from '../src/ops/conv3d/gemm.ts'
import { type Conv3dGeometry, outputSize } from '../src/ops/conv3d/geometry.ts'
import { upsampledConv3d } from '../src/ops/upconv3d/op.ts'
import { chooseKernel } from '../src/plan/choose.ts'
import type { Capabilities } from '../src/runtime/capabilities.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import { fusedCase } from '../src/testing/index.ts'
import {
  type Conv3dProblem,
  checkCase,
  conv3dCase,
  fittingKernels,
  type OpCase,
  uNetLayers,
} from '../src/tuning/index.ts'
import { withKernels } from './with-kernels.ts'

const DIRECTIONS = ['forward', 'input', 'weight'] as const
const OPS = { forward: 'conv3d', input: 'conv3dInput', weight: 'conv3dWeight' } as const

/** A GPU with WebGPU's default limits. */
const plainGpu: Capabilities = {
  adapter: 'a GPU',
  software: false,
  subgroupSize: 32,
  features: new Set(['subgroups']),
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
  limits: { ...plainGpu.limits, maxComputeWorkgroupStorageSize: 49_152 },
}

const geometryOf = (p: Conv3dProblem): Conv3dGeometry => ({
  ...p,
  input: p.size,
  output: p.size.map((size) => outputSize(size, p)) as [number, number, number],
  inputChannels: p.inputs,
  outputChannels: p.outputs,
})

/** The node of a case's op in its graph. */
const nodeOf = ({ op, inputs, build }: OpCase): Tensor =>
  collect([build(inputs.map(({ spec }, index) => input(`x${index}`, spec)))]).find(
    (tensor) => tensor.op === (op as unknown),
  )!

/** All convolutions of the paper's networks: a U-Net of base 32, and a discriminator with strides. */
const layers: readonly Conv3dProblem[] = [
  ...uNetLayers(32, 32, 8),
  ...[1, 16, 32, 64].map((inputs, index): Conv3dProblem => {
    const size = 32 >> index
    const outputs = 16 << index
    const convolution = { kernel: 3, stride: 2, padding: 1, mode: 'replicate' } as const
    return { ...convolution, batch: 8, size: [size, size, size], inputs, outputs }
  }),
]
const products = layers.flatMap((layer) => DIRECTIONS.map((d) => productSize(d, geometryOf(layer))))

describe('the layout of a product', () => {
  const bytes = ({ tile, depth, buffers }: GemmLayout) => 4 * buffers * depth * (tile.ROWS + tile.COLUMNS)
  const odd: ProductSize[] = [
    { rows: 1, columns: 1, inner: 1, groups: 1 },
    { rows: 2 ** 24, columns: 4, inner: 64, groups: 1 },
    { rows: 4, columns: 17, inner: 3, groups: 343 },
  ]

  it.each([
    ['default limits', plainGpu],
    ['more workgroup memory', roomyGpu],
  ])('keeps to %s', (_, device) => {
    for (const size of [...products, ...odd]) {
      const layout = gemmLayout(size, device)
      const { ROWS, COLUMNS, THREAD_ROWS, THREAD_COLUMNS } = layout.tile
      expect(bytes(layout)).toBeLessThanOrEqual(device.limits.maxComputeWorkgroupStorageSize)
      expect((ROWS / THREAD_ROWS) * (COLUMNS / THREAD_COLUMNS)).toBeLessThanOrEqual(256)
    }
  })

  it('covers the result with tiles, and K with shares of which none is empty', () => {
    for (const size of [...products, ...odd]) {
      const { tile, depth, tiles, slices, slicesPerShare, shares } = gemmLayout(size, plainGpu)
      expect(tiles[0] * tile.ROWS).toBeGreaterThanOrEqual(size.rows)
      expect(tiles[1] * tile.COLUMNS).toBeGreaterThanOrEqual(size.columns)
      expect(slices * depth).toBeGreaterThanOrEqual(size.inner * size.groups)
      expect(shares * slicesPerShare).toBeGreaterThanOrEqual(slices)
      expect((shares - 1) * slicesPerShare).toBeLessThan(slices)
    }
  })

  it('takes large tiles for wide layers, narrow ones for few channels, and short slices for few inputs', () => {
    const layout = (rows: number, columns: number, inner: number) =>
      gemmLayout({ rows, columns, inner, groups: 27 }, plainGpu)
    expect(layout(262_144, 64, 192).tile).toEqual(TILES[1])
    expect(layout(32_768, 128, 384).tile).toEqual(TILES[0])
    expect(layout(262_144, 4, 64).tile).toEqual(TILES[4])
    expect(layout(262_144, 64, 192).depth).toBe(16)
    expect(layout(262_144, 64, 8).depth).toBe(8)
    expect(layout(262_144, 64, 192).shares).toBe(1)
  })

  it('shares K out where tiles alone would leave most of a GPU idle', () => {
    const { tiles, shares } = gemmLayout({ rows: 512, columns: 512, inner: 256, groups: 27 }, plainGpu)
    expect(tiles[0] * tiles[1] * shares).toBeGreaterThan(200)
  })

  it('has room for two slices where the device has', () => {
    const size = { rows: 32_768, columns: 128, inner: 384, groups: 27 }
    expect([gemmLayout(size, plainGpu).buffers, gemmLayout(size, roomyGpu).buffers]).toEqual([1, 2])
  })

  it('keeps a grid within 65,535 workgroups a dimension', () => {
    const layer: Conv3dProblem = { ...layers[0]!, batch: 64, size: [64, 96, 96], inputs: 4, outputs: 4 }
    const g = geometryOf(layer)
    const { stages } = gemmProgram('forward', g, gemmLayout(productSize('forward', g), plainGpu), plainGpu)
    expect(stages[0]!.grid.every((size) => size <= 65_535)).toBe(true)
    expect(stages[0]!.grid[0] * stages[0]!.grid[1]).toBeGreaterThan(65_535)
  })
})

describe('the kernel of a convolution', () => {
  const software: Capabilities = { ...plainGpu, software: true, subgroupSize: 8 }
  const chosen = (device: Capabilities, direction: (typeof DIRECTIONS)[number], inputs: number) => {
    const node = nodeOf(conv3dCase(OPS[direction], { ...layers[1]!, inputs }))
    return chooseKernel(node, device, {}, 'test').name
  }

  it.each(DIRECTIONS)(
    '%s: a product on GPUs, lanes on renderers with subgroups, else another',
    (direction) => {
      expect(chosen(plainGpu, direction, 32)).toBe('gemm')
      expect(chosen(software, direction, 32)).toBe('lanes')
      expect(['blocks', 'direct']).toContain(chosen({ ...software, subgroupSize: null }, direction, 32))
    },
  )

  it('is not one whose grid would be too long on a renderer, for a volume of 256³', () => {
    const large: Conv3dProblem = { ...layers[1]!, batch: 1, size: [256, 256, 256] }
    for (const direction of ['forward', 'input'] as const) {
      expect(chooseKernel(nodeOf(conv3dCase(OPS[direction], large)), software, {}, 'test').name).not.toBe(
        'lanes',
      )
    }
    const upsampled = upsampledConv3d(
      input('x', f32(1, 128, 128, 128, 4)),
      input('w', f32(3, 3, 3, 4, 4)),
      null,
      {
        mode: 'zero',
      },
    )
    expect(chooseKernel(upsampled, software, {}, 'test').name).toBe('direct')
  })

  it('is a register block on GPUs for the forward pass of one input channel', () => {
    expect(chosen(plainGpu, 'forward', 1)).toBe('blocks')
    expect(chosen(plainGpu, 'weight', 1)).toBe('gemm')
  })
})

describe('tiles of several fours for each invocation', async () => {
  const opened = await openGpu({ device: process.env['VOXNORM_TEST_DEVICE'] ?? 'swiftshader' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software, pause: nap })
  afterAll(() => {
    runtime.dispose()
    opened.release()
  })
  // As in the tiles for GPUs, but with fewer invocations, and so much less to compile.
  const tile = { ROWS: 16, COLUMNS: 32, THREAD_ROWS: 8, THREAD_COLUMNS: 8 }

  const problem: Conv3dProblem = { ...layers[1]!, batch: 1, size: [3, 4, 5], inputs: 20, outputs: 36 }

  /** Checks the product on these tiles, in so many shares. */
  async function checkTiles(opCase: OpCase, direction: (typeof DIRECTIONS)[number], wantedShares: number) {
    const g = geometryOf(problem)
    const size = productSize(direction, g)
    const depth = 8
    const slices = size.groups * Math.ceil(size.inner / depth)
    const slicesPerShare = Math.ceil(slices / wantedShares)
    const layout: GemmLayout = {
      tile,
      depth,
      buffers: 1,
      tiles: [Math.ceil(size.rows / tile.ROWS), Math.ceil(size.columns / tile.COLUMNS)],
      slices,
      slicesPerShare,
      shares: Math.ceil(slices / slicesPerShare),
    }
    const kernel: Kernel<never> = {
      name: 'tile',
      program: (inputs, output, params, device) =>
        gemmProgram(direction, g, layout, device, { fused: fusedStage(inputs, output, params, device) }),
    }
    await expect(checkCase(runtime, withKernels(opCase, [kernel]))).resolves.toHaveLength(1)
  }

  it.each(DIRECTIONS)('compute the same: %s', (direction) =>
    checkTiles(conv3dCase(OPS[direction], problem), direction, 3),
  )

  it.each([
    ['normalise as they load', 'normalized'],
    ['leave moments', 'moments'],
  ] as const)('%s', (_, wanted) => checkTiles(fusedCase('conv3d', problem, wanted), 'forward', 1))
})

describe('texts for GPUs', () => {
  it('compile for every layer of the networks at full width', async () => {
    const nobody = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
    const runtime = await Runtime.open(nobody)
    const texts = new Set<string>()
    const cases = layers.flatMap((layer) => [
      ...DIRECTIONS.map((direction) => conv3dCase(OPS[direction], layer)),
      fusedCase('conv3d with bias', layer, 'normalized moments'),
      fusedCase('conv3dWeight', layer, 'normalized'),
      fusedCase('upsampledConv3d', layer, 'normalized'),
    ])
    for (const opCase of cases) {
      const node = nodeOf(opCase)
      // Where a sum is shared out, no kernel leaves moments, and no rewrite asks for them.
      if (fittingKernels(plainGpu, opCase).length === 0) continue
      const kernel = chooseKernel(node, plainGpu, {}, 'null')
      const specs = node.inputs.map(({ spec }) => spec)
      for (const { source, file, constants } of kernel.program(specs, node.spec, node.params, plainGpu)
        .stages) {
        await runtime.kernel(await textOf(source), file, constants)
        texts.add(`${file}${JSON.stringify(constants)}`)
      }
    }
    expect(texts.size).toBeGreaterThan(10)
    runtime.dispose()
  })
})
