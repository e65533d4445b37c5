import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeviceError } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../../../scripts/bundle.js'
import { adapterType, type Candidate } from '../src/adapters.ts'
import { adviceFor } from '../src/doctor.ts'
import { rankCandidates } from '../src/gpu.ts'
import { readTar } from '../src/tar.ts'

const packageRoot = join(import.meta.dirname, '..')
const linux = process.platform === 'linux' && process.arch === 'x64'
const lavapipe = existsSync('/usr/share/vulkan/icd.d/lvp_icd.x86_64.json')
  ? '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json'
  : '/usr/share/vulkan/icd.d/lvp_icd.json'
/** Whether Dawn takes this lavapipe by itself: older ones of Mesa lack what it asks for, and openGpu cannot change that. */
function dawnTakesLavapipe(): boolean {
  if (!linux || !existsSync(lavapipe)) return false
  const program = `const { create } = await import('webgpu')
const adapter = await create(['backend=vulkan']).requestAdapter()
process.exit(adapter ? 0 : 1)`
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    env: { PATH: '/usr/bin:/bin', VK_DRIVER_FILES: lavapipe },
    cwd: packageRoot,
  })
  return status === 0
}
let program: string
let scratch: string

beforeAll(async () => {
  // Inside the package, so that the bundle's imports resolve as the package's own do.
  const folder = join(packageRoot, 'node_modules', '.cache')
  program = join(folder, `gpu-${process.pid}.mjs`)
  await mkdir(folder, { recursive: true })
  await writeFile(program, await bundle(join(packageRoot, 'src/index.ts'), 'node'))
  scratch = await mkdtemp(join(tmpdir(), 'node-gpu-test-'))
})

afterAll(async () => {
  await rm(program, { force: true })
  await rm(scratch, { recursive: true, force: true })
})

interface Outcome {
  readonly status: number | null
  readonly value: unknown
}

/** Runs a program in a fresh process with exactly these variables; its last printed line is JSON. What drivers write to stderr is theirs. */
function inChild(body: string, environment: Record<string, string>): Promise<Outcome> {
  const source = `import { openGpu, listAdapters } from ${JSON.stringify(program)}
const say = (value) => console.log(JSON.stringify(value))
${body}`
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--expose-gc', '--input-type=module', '-e', source],
      { env: { PATH: '/usr/bin:/bin', ...environment }, timeout: 540_000, cwd: packageRoot },
      (_error, stdout) => {
        const line = stdout.trim().split('\n').at(-1) ?? ''
        let value: unknown
        try {
          value = JSON.parse(line)
        } catch {
          value = stdout
        }
        resolve({ status: child.exitCode, value })
      },
    )
  })
}

/** Doubles three numbers on the device, drops everything, collects garbage, and just ends. */
const COMPUTE = `
async function doubled(gpu) {
  const adapter = await gpu.requestAdapter()
  const device = await adapter.requestDevice()
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage
  const data = device.createBuffer({ size: 12, usage: STORAGE | COPY_SRC | COPY_DST })
  const back = device.createBuffer({ size: 12, usage: MAP_READ | COPY_DST })
  device.queue.writeBuffer(data, 0, new Float32Array([1, 2, 3.5]))
  const code = '@group(0) @binding(0) var<storage, read_write> x: array<f32>;' +
    '@compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) { x[id.x] = 2 * x[id.x]; }'
  const compute = { module: device.createShaderModule({ code }), entryPoint: 'main' }
  const pipeline = device.createComputePipeline({ layout: 'auto', compute })
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer: data } }] }))
  pass.dispatchWorkgroups(3)
  pass.end()
  encoder.copyBufferToBuffer(data, 0, back, 0, 12)
  device.queue.submit([encoder.finish()])
  await back.mapAsync(GPUMapMode.READ)
  const result = [...new Float32Array(back.getMappedRange())]
  back.unmap()
  const features = adapter.info.description
  device.destroy()
  return { result, driver: features }
}
async function use(options) {
  const opened = await openGpu(options)
  const before = { VK_DRIVER_FILES: process.env.VK_DRIVER_FILES ?? null }
  const { name, software, description, candidates } = opened
  const out = { name, software, description, candidates, ...before, ...(await doubled(opened.gpu)) }
  opened.release()
  return out
}
`

const END = `
for (let round = 0; round < 5; round++) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)) }
`

describe.skipIf(!linux)('openGpu on Linux x64', () => {
  test('supplies SwiftShader by name, computes on it, and the process ends by itself', async () => {
    const home = join(scratch, 'fresh')
    const first = await inChild(`${COMPUTE} say(await use({ device: 'swiftshader' })) ${END}`, { HOME: home })
    expect(first).toMatchObject({
      status: 0,
      value: { software: true, result: [2, 4, 7], VK_DRIVER_FILES: null },
    })
    const { name, description } = first.value as { name: string; description: string }
    expect(name).toMatch(/SwiftShader/)
    expect(description).toContain("software renderer: expect 1/1000 of a GPU's speed")
    const [folder, ...others] = await readdir(join(home, '.cache', 'voxnorm'))
    expect(folder).toMatch(/^swiftshader-\d+\.\d+\.\d+$/)
    expect(others).toEqual([])
  })

  test('two processes that unpack at the same time both succeed and leave one folder', async () => {
    const environment = { XDG_CACHE_HOME: join(scratch, 'race') }
    const program = `${COMPUTE} say(await use({ device: 'swiftshader' }))`
    const outcomes = await Promise.all([inChild(program, environment), inChild(program, environment)])
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 0, value: { result: [2, 4, 7] } })
    expect(await readdir(join(scratch, 'race', 'voxnorm'))).toHaveLength(1)
  })

  test('unpacks into the temporary folder when the cache folder cannot be made', async () => {
    await writeFile(join(scratch, 'file'), '')
    await mkdir(join(scratch, 'tmp'))
    const environment = { XDG_CACHE_HOME: join(scratch, 'file'), TMPDIR: join(scratch, 'tmp') }
    const outcome = await inChild(`${COMPUTE} say(await use({ device: 'swiftshader' }))`, environment)
    expect(outcome).toMatchObject({ status: 0, value: { result: [2, 4, 7] } })
    expect(await readdir(join(scratch, 'tmp'))).toEqual([`voxnorm-${process.getuid?.()}`])
  })

  test('auto falls back to SwiftShader when the drivers offer nothing', async () => {
    const outcome = await inChild(`${COMPUTE} say(await use({}))`, {
      HOME: scratch,
      VK_DRIVER_FILES: '/nonexistent/driver.json',
    })
    expect(outcome).toMatchObject({
      status: 0,
      value: { name: expect.stringMatching(/SwiftShader/), VK_DRIVER_FILES: '/nonexistent/driver.json' },
    })
  })

  test('works without a usable Vulkan loader on the machine', async () => {
    const folder = join(scratch, 'no-loader')
    await mkdir(folder)
    // The dynamic linker tries this one first and refuses it.
    await writeFile(join(folder, 'libvulkan.so.1'), '')
    const outcome = await inChild(`${COMPUTE} say(await use({ device: 'swiftshader' })) ${END}`, {
      HOME: scratch,
      LD_LIBRARY_PATH: folder,
    })
    expect(outcome).toMatchObject({ status: 0, value: { software: true, result: [2, 4, 7] } })
  })

  test('an unknown name is an error that lists what there is', async () => {
    const program = `try { await openGpu({ device: 'voodoo 2' }) } catch (error) {
      say({ name: error.name, kind: error.kind, message: error.message }) }`
    const { value } = await inChild(program, { HOME: scratch, VK_DRIVER_FILES: '/nonexistent/driver.json' })
    expect(value).toMatchObject({ name: 'DeviceError', kind: 'unavailable' })
    const { message } = value as { message: string }
    expect(message).toContain('no WebGPU adapter is called "voodoo 2"')
    expect(message).toContain('VK_DRIVER_FILES (/nonexistent/driver.json): none of them offers an adapter')
    expect(message).toMatch(/SwiftShader from npm: SwiftShader Device/)
    expect(message).toContain('fix: use auto, software, or part of one of these names')
  })

  test('release makes the entry point unreachable', async () => {
    const program = `const opened = await openGpu({ device: 'swiftshader' }); opened.release()
      try { opened.gpu } catch (error) { say(error.message) }`
    const { value } = await inChild(program, { HOME: scratch })
    expect(value).toMatch(/was released/)
  })

  test('listAdapters describes every adapter in plain JSON', async () => {
    const { value } = await inChild('say(await listAdapters())', { HOME: scratch })
    const { adapters, chosen, advice } = value as Awaited<
      ReturnType<typeof import('../src/index.ts')['listAdapters']>
    >
    const software = adapters.find(({ name }) => /SwiftShader/.test(name))
    expect(software).toMatchObject({ type: 'software', backend: 'vulkan' })
    expect(software?.limits['maxStorageBufferBindingSize']).toBeGreaterThanOrEqual(128 * 2 ** 20)
    expect(software?.features).toContain('core-features-and-limits')
    expect(adapters[chosen]).toBeDefined()
    expect(Array.isArray(advice)).toBe(true)
  })
})

describe.skipIf(!dawnTakesLavapipe())(
  'openGpu with lavapipe (needs a mesa-vulkan-drivers that Dawn takes)',
  () => {
    const environment = () => ({ HOME: scratch, VK_DRIVER_FILES: lavapipe })

    test.each(['auto', 'software', 'lavapipe', 'LLVMpipe'])('device %s takes it', async (device) => {
      const outcome = await inChild(
        `${COMPUTE} say(await use({ device: '${device}' })) ${END}`,
        environment(),
      )
      expect(outcome).toMatchObject({
        status: 0,
        value: { name: expect.stringMatching(/llvmpipe/), software: true, result: [2, 4, 7] },
      })
    })

    test('one process can open both renderers and keep both at work', async () => {
      const program = `${COMPUTE}
      const both = [await openGpu({ device: 'lavapipe' }), await openGpu({ device: 'swiftshader' })]
      gc()
      const drivers = []
      for (const { gpu } of [...both, ...both]) drivers.push((await doubled(gpu)).driver)
      for (const opened of both) opened.release()
      say(drivers) ${END}`
      const { status, value } = await inChild(program, environment())
      expect(status).toBe(0)
      expect(value).toEqual([0, 1, 0, 1].map((i) => expect.stringMatching([/llvmpipe/, /SwiftShader/][i]!)))
    })
  },
)

describe('the order of preference', () => {
  const candidate = (name: string, backend = 'vulkan'): Candidate => ({
    name,
    backend,
    type: adapterType(name, backend),
    environment: {},
  })
  const names = (device: string, ...list: string[]) =>
    rankCandidates(
      list.map((name) => candidate(name)),
      device,
    ).map(({ name }) => name)
  const swift = 'SwiftShader Device (Subzero)'
  const mesa = 'llvmpipe (LLVM 15.0.6, 256 bits)'

  test('auto: hardware, then lavapipe, then SwiftShader', () => {
    expect(names('auto', swift, mesa, 'NVIDIA H200', 'Intel(R) UHD Graphics 630')).toEqual([
      'NVIDIA H200',
      'Intel(R) UHD Graphics 630',
      mesa,
      swift,
    ])
  })

  test('software leaves hardware alone; a name is matched anywhere and in any case', () => {
    expect(names('software', 'NVIDIA H200', swift, mesa)).toEqual([mesa, swift])
    expect(names('h200', mesa, 'NVIDIA H200')).toEqual(['NVIDIA H200'])
    expect(names('h100', mesa, 'NVIDIA H200')).toEqual([])
  })

  test.each([
    ['NVIDIA GeForce RTX 4090', 'vulkan', 'discrete'],
    ['AMD Radeon RX 7900 XTX (RADV NAVI31)', 'vulkan', 'discrete'],
    ['AMD Radeon Graphics (RADV PHOENIX)', 'vulkan', 'integrated'],
    ['AMD Radeon 780M', 'vulkan', 'integrated'],
    ['Intel(R) Arc(TM) A770 Graphics', 'vulkan', 'discrete'],
    ['Intel(R) Iris(R) Xe Graphics (TGL GT2)', 'vulkan', 'integrated'],
    ['Apple M2 Pro', 'metal', 'integrated'],
    ['Microsoft Basic Render Driver', 'd3d12', 'software'],
  ])('%s (%s) is %s', (name, backend, type) => {
    expect(adapterType(name, backend)).toBe(type)
  })
})

describe('advice', () => {
  const bare = {
    platform: 'linux',
    driverFiles: undefined,
    manifests: [],
    nvidiaKernelDriver: false,
    renderNode: false,
  }
  const swift = { name: 'SwiftShader', type: 'software', features: [] } as const

  test('says nothing where there is nothing better to get', () => {
    expect(adviceFor([{ name: 'NVIDIA H200', type: 'discrete', features: ['shader-f16'] }], bare)).toEqual([])
  })

  test('a machine with SwiftShader only is told of lavapipe', () => {
    expect(adviceFor([swift], bare).join(' ')).toMatch(/No GPU was found.*install mesa-vulkan-drivers 25/)
    const old = { ...bare, manifests: ['/usr/share/vulkan/icd.d/lvp_icd.x86_64.json'] }
    expect(adviceFor([swift], old).join(' ')).toMatch(/too old/)
  })

  test('an NVIDIA GPU that Vulkan does not see, or half of one, is explained', () => {
    expect(adviceFor([swift], { ...bare, nvidiaKernelDriver: true }).join(' ')).toMatch(/libnvidia-gl/)
    expect(adviceFor([{ name: 'NVIDIA H200', type: 'discrete', features: [] }], bare).join(' ')).toMatch(
      /half precision/,
    )
  })
})

test('a tar archive that ends early is refused', () => {
  const archive = new Uint8Array(1024)
  archive.set(new TextEncoder().encode('a.txt'), 0)
  archive.set(new TextEncoder().encode('00000000003\0'), 124)
  archive.set(new TextEncoder().encode('abc'), 512)
  expect(new TextDecoder().decode(readTar(archive).get('a.txt'))).toBe('abc')
  expect(() => readTar(archive.subarray(0, 514))).toThrow(DeviceError)
})
