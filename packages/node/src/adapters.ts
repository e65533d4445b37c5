import { createRequire } from 'node:module'
import { DeviceError } from '@voxnorm/tensor'
import { swiftShader } from './swiftshader.ts'
import {
  chosenDriverFiles,
  driverManifests,
  loadVulkanLoader,
  singleDriverEnvironment,
  systemEnvironment,
  type VulkanEnvironment,
  withEnvironment,
} from './vulkan.ts'

/** A processor made for graphics with its own memory, one that shares the host's, or the host's own cores. */
export type AdapterType = 'discrete' | 'integrated' | 'software'

/** An adapter that Dawn accepts, and how to get at it. */
export interface Candidate {
  /** The device's name in its driver's words, e.g. `NVIDIA H200` or `llvmpipe (LLVM 15.0.6, 256 bits)`. */
  readonly name: string
  readonly backend: string
  readonly type: AdapterType
  readonly environment: VulkanEnvironment
}

/** The adapters of one place to look in, or why there are none. */
export interface Look {
  readonly place: string
  readonly candidates: readonly Candidate[]
  readonly problem?: string
}

/** Dawn's switches: `enable` and `disable` name its toggles. */
export interface Toggles {
  readonly enable?: readonly string[]
  readonly disable?: readonly string[]
}

/**
 * Half precision is held back on NVIDIA without the second switch; quantised time stamps tick every 65 µs.
 * Dawn ignores names that it does not know.
 */
export const DEFAULT_TOGGLES = {
  enable: ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia'],
  disable: ['timestamp_quantization'],
}

type Dawn = typeof import('webgpu')

/**
 * Dawn's binding, with WebGPU's constants (`GPUBufferUsage` and so on) made global as they are in a page.
 * Throws DeviceError where the binding cannot be loaded.
 */
export async function loadDawn(): Promise<Dawn> {
  try {
    const dawn = await import('webgpu')
    Object.assign(globalThis, dawn.globals)
    return dawn
  } catch (cause) {
    throw new DeviceError('unavailable', "Dawn's WebGPU binding for Node could not be loaded", {
      operands: [cause instanceof Error ? cause.message.split('\n')[0]! : String(cause)],
      fix: 'use Node 20.19 or newer on Linux (glibc), macOS or Windows, x64 or arm64, and install the dependencies again',
    })
  }
}

/** Version of the npm package that brings Dawn: another one compiles kernels in another way. */
export function dawnVersion(): string {
  const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string }
  return version
}

/** A GPU entry point that offers one adapter only, however it is asked. */
export async function openCandidate(
  dawn: Dawn,
  candidate: Candidate,
  toggles: Toggles = {},
): Promise<{ readonly gpu: GPU; readonly adapter: GPUAdapter } | null> {
  const enable = [...DEFAULT_TOGGLES.enable, ...(toggles.enable ?? [])]
  const disable = [...DEFAULT_TOGGLES.disable, ...(toggles.disable ?? [])]
  const gpu = dawn.create([
    `backend=${candidate.backend}`,
    `adapter=${candidate.name}`,
    `enable-dawn-features=${enable.join(',')}`,
    `disable-dawn-features=${disable.join(',')}`,
  ])
  const adapter = await withEnvironment(candidate.environment, () => gpu.requestAdapter())
  return adapter ? { gpu, adapter } : null
}

/** The adapters of the machine's own drivers (or of those in the user's VK_DRIVER_FILES). */
export async function lookAtSystem(dawn: Dawn): Promise<Look> {
  const place = chosenDriverFiles() ? `VK_DRIVER_FILES (${chosenDriverFiles()})` : "the machine's own drivers"
  if (process.platform === 'linux') {
    // Without a manifest there is nothing to find, and the loader would only complain on stderr.
    if (!chosenDriverFiles() && driverManifests().length === 0) {
      return { place, candidates: [], problem: 'no Vulkan driver is installed' }
    }
    if (!(await haveLoader())) {
      return { place, candidates: [], problem: 'no Vulkan loader (libvulkan.so.1) is installed' }
    }
  }
  const candidates = await listNames(dawn, systemEnvironment())
  return candidates.length > 0
    ? { place, candidates }
    : { place, candidates, problem: 'none of them offers an adapter that Dawn accepts' }
}

/** SwiftShader from the npm package. */
export async function lookAtPackage(dawn: Dawn): Promise<Look> {
  const place = 'SwiftShader from npm'
  try {
    const { manifest } = await swiftShader()
    if (!(await haveLoader())) return { place, candidates: [], problem: 'its Vulkan loader does not load' }
    const candidates = await listNames(dawn, singleDriverEnvironment(manifest))
    return candidates.length > 0 ? { place, candidates } : { place, candidates, problem: 'it does not load' }
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error
    return { place, candidates: [], problem: error.message.replaceAll(/\s*\n\s*/g, '; ') }
  }
}

/** The machine's Vulkan loader, else the one that comes with SwiftShader. */
async function haveLoader(): Promise<boolean> {
  if (loadVulkanLoader('libvulkan.so.1')) return true
  try {
    return loadVulkanLoader((await swiftShader()).loader)
  } catch (error) {
    if (error instanceof DeviceError) return false
    throw error
  }
}

/**
 * Names of all adapters, the most powerful first. Dawn's binding has no call for this, but lists them when it is
 * asked for one that does not exist.
 */
async function listNames(dawn: Dawn, environment: VulkanEnvironment): Promise<Candidate[]> {
  const nobody = dawn.create(['adapter=\u0001none'])
  let answer = ''
  try {
    await withEnvironment(environment, () => nobody.requestAdapter({ powerPreference: 'high-performance' }))
  } catch (error) {
    answer = error instanceof Error ? error.message : String(error)
  }
  return [...answer.matchAll(/backend: '([^']*)', name: '(.*)'$/gm)]
    .map(([, backend, name]) => ({
      name: name!,
      backend: backend!,
      type: adapterType(name!, backend!),
      environment,
    }))
    .filter(({ backend }) => backend !== 'null')
}

/** WebGPU tells software from hardware only after opening an adapter, and kinds of hardware never: names do. */
export function adapterType(name: string, backend: string): AdapterType {
  if (/llvmpipe|lavapipe|swiftshader|softpipe|basic render|\bwarp\b/i.test(name)) return 'software'
  if (backend === 'metal') return /radeon|nvidia|geforce/i.test(name) ? 'discrete' : 'integrated'
  if (/tegra|adreno|mali|powervr|videocore|apple|vega \d+ graphics|radeon\(tm\) graphics/i.test(name))
    return 'integrated'
  if (/intel/i.test(name)) return /arc.* [ab]\d{3}/i.test(name) ? 'discrete' : 'integrated'
  if (/radeon graphics|radeon \d{3}m\b/i.test(name)) return 'integrated'
  return 'discrete'
}
