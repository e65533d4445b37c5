import { DeviceError, KernelError } from '../errors.ts'
import { exactKey, identities } from '../graph/exact-key.ts'
import type { Capabilities } from './capabilities.ts'
import { MATRIX_PROBE, type MatrixUnits, matrixUnits } from './matrix-syntax.ts'
import { specialize } from './specialize.ts'

/** What `Runtime.open` may be told. */
export interface RuntimeOptions {
  /**
   * Blocks the thread for some milliseconds, then resolves after one turn of the event loop. Who gives it wants the host
   * to nap while it waits for the device.
   */
  readonly pause?: (milliseconds: number) => Promise<void>
  /** True when the adapter is known to be a software renderer. */
  readonly software?: boolean
}

/** Longest time in milliseconds that the host sleeps at a stretch; by so much it may be late. */
const LONGEST_NAP = 4
/** By so many milliseconds a nap is longer than the one before. */
const NAP_GROWTH = 0.5

/** Optional features that some kernel can use; asked for where the adapter has them. */
const WANTED_FEATURES = [
  'subgroups',
  'shader-f16',
  'timestamp-query',
  'chromium-experimental-subgroup-matrix',
] as readonly GPUFeatureName[]

/** A compiled entry point with the layout of its bindings. */
export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
}

/**
 * A device and everything that belongs to it: compile cache, buffers, loss handling. It knows nothing of ops or
 * models. The `GPU` object stays referenced for the runtime's whole life, because Dawn dies without it.
 */
export class Runtime {
  readonly device: GPUDevice
  readonly capabilities: Capabilities
  /** Bytes of all buffers that are alive. */
  allocatedBytes = 0
  private readonly gpu: GPU
  private readonly pause: RuntimeOptions['pause']
  private readonly compiled = new Map<string, Promise<CompiledKernel>>()
  private readonly specialized = new Map<string, string>()
  private readonly buffers = new Set<GPUBuffer>()
  private failure: DeviceError | undefined
  /** Set once the device is gone, for whatever reason. */
  private lost: DeviceError | undefined
  /** Tells everybody who waits for the device that it is gone. Reactions to `device.lost` itself would never be freed. */
  private readonly waiting = new Set<(failure: DeviceError) => void>()
  private napping = false
  private nextNap = 0

  private constructor(gpu: GPU, device: GPUDevice, capabilities: Capabilities, options: RuntimeOptions) {
    this.gpu = gpu
    this.device = device
    this.capabilities = capabilities
    this.pause = options.pause
    device.addEventListener('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent
      this.failure ??=
        error instanceof GPUOutOfMemoryError
          ? this.outOfMemory(error.message)
          : new DeviceError('validation', `the device refused a command: ${error.message}`)
    })
    void device.lost.then((info) => {
      this.lost = new DeviceError('lost', `the device was lost: ${info.message || info.reason}`)
      if (info.reason !== 'destroyed') this.failure ??= this.lost
      for (const give of this.waiting) give(this.failure ?? this.lost)
    })
  }

  /**
   * Opens a device on the given GPU entry point: `navigator.gpu` in a page, Dawn's in Node.
   * Throws DeviceError when there is no adapter.
   */
  static async open(gpu: GPU, options: RuntimeOptions = {}): Promise<Runtime> {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) {
      throw new DeviceError('unavailable', 'no WebGPU adapter was found')
    }
    const features = WANTED_FEATURES.filter((feature) => adapter.features.has(feature))
    const { limits, info } = adapter
    const device = await adapter.requestDevice({
      requiredFeatures: features,
      // Everything runs inside WebGPU's default limits; more room means fewer pieces and larger tiles.
      requiredLimits: {
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
        maxBufferSize: limits.maxBufferSize,
        maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      },
    })
    const description = info.description || info.device || info.vendor || 'unknown adapter'
    const sizes = info as GPUAdapterInfo & { subgroupMinSize?: number; subgroupMaxSize?: number }
    const fixedSize =
      device.features.has('subgroups') && sizes.subgroupMinSize === sizes.subgroupMaxSize
        ? (sizes.subgroupMinSize ?? null)
        : null
    return new Runtime(
      gpu,
      device,
      {
        adapter: description,
        software:
          options.software ?? /swiftshader|llvmpipe|software/i.test(`${description} ${info.architecture}`),
        subgroupSize: fixedSize,
        features: new Set([...device.features]),
        matrices: await matricesOf(device, info),
        limits: device.limits,
      },
      options,
    )
  }

  /** Throws what went wrong on the device since the last look. */
  check(): void {
    if (this.failure) throw this.failure
  }

  /** A buffer of at least `bytes`, counted until it is released. Out of memory is a DeviceError. */
  async buffer(bytes: number, usage: GPUBufferUsageFlags, label: string): Promise<GPUBuffer> {
    const size = Math.max(16, Math.ceil(bytes / 4) * 4)
    if (size > this.capabilities.limits.maxBufferSize) {
      const most = mebibytes(this.capabilities.limits.maxBufferSize)
      throw this.outOfMemory(`${label} asks for ${mebibytes(size)}, and one buffer holds ${most} at most`)
    }
    this.device.pushErrorScope('out-of-memory')
    const buffer = this.device.createBuffer({ size, usage, label })
    const error = await this.device.popErrorScope()
    if (error) {
      throw this.outOfMemory(`${label} asks for ${mebibytes(size)} more (${error.message})`)
    }
    return this.count(buffer)
  }

  private outOfMemory(problem: string): DeviceError {
    const used = mebibytes(this.allocatedBytes)
    return new DeviceError('out-of-memory', `the device has no memory left: ${problem}; ${used} are in use`)
  }

  /** A small buffer for results on their way to the host, made without waiting: a failure shows at the next `check`. */
  readbackBuffer(bytes: number): GPUBuffer {
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ
    return this.count(this.device.createBuffer({ size: bytes, usage, label: 'readback' }))
  }

  private count(buffer: GPUBuffer): GPUBuffer {
    this.buffers.add(buffer)
    this.allocatedBytes += buffer.size
    return buffer
  }

  /** Destroys a buffer made by `buffer`. */
  release(buffer: GPUBuffer): void {
    if (!this.buffers.delete(buffer)) return
    this.allocatedBytes -= buffer.size
    buffer.destroy()
  }

  /**
   * Specialises and compiles a kernel. The specialised text is the cache key, so two ops that need the same text
   * share one pipeline. Compile errors come with the lines that they point at. `halves` are the numbers of the bindings
   * that hold halves.
   */
  kernel(
    source: string,
    file: string,
    constants?: Readonly<Record<string, number | string>>,
    halves: readonly number[] = [],
  ): Promise<CompiledKernel> {
    // Specialising can take longer than looking up what it led to the last time.
    const request = `${exactKey([constants, halves], identities())}${source}`
    const text = this.specialized.get(request) ?? specialize(source, file, constants, halves)
    this.specialized.set(request, text)
    let pending = this.compiled.get(text)
    if (!pending) {
      // Compiling takes a software device long, and the host must not take the core from it.
      pending = this.patiently(() => this.compile(text, file))
      this.compiled.set(text, pending)
    }
    return pending
  }

  private async compile(text: string, file: string): Promise<CompiledKernel> {
    const { device } = this
    device.pushErrorScope('validation')
    const module = device.createShaderModule({ code: text, label: file })
    const layout = device.createBindGroupLayout({ entries: bindingsOf(text), label: file })
    const messages = (await module.getCompilationInfo()).messages.filter(({ type }) => type === 'error')
    const scope = await device.popErrorScope()
    if (messages.length > 0 || scope) {
      throw new KernelError(file, 'does not compile', {
        operands: messages.length > 0 ? messages.map((message) => excerpt(text, message)) : [scope!.message],
      })
    }
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: file,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main' },
      })
      return { pipeline, layout }
    } catch (error) {
      throw new KernelError(file, `no pipeline: ${error instanceof Error ? error.message : error}`)
    }
  }

  /** Resolves when all submitted work is done; throws if the device failed meanwhile. */
  async idle(): Promise<void> {
    await this.patiently(() => this.device.queue.onSubmittedWorkDone())
  }

  /** Waits for a promise of the device; throws if the device fails meanwhile. */
  async patiently<T>(wait: () => Promise<T>): Promise<T> {
    if (this.lost) throw this.failure ?? this.lost
    let giveUp: (failure: DeviceError) => void = () => undefined
    const gone = new Promise<never>((_, reject) => {
      giveUp = reject
    })
    this.waiting.add(giveUp)
    if (this.pause) void this.napWhileWaiting(this.pause)
    try {
      const result = await Promise.race([wait(), gone])
      this.check()
      return result
    } finally {
      this.waiting.delete(giveUp)
    }
  }

  /**
   * While a promise is pending, Dawn's binding for Node polls on the main thread and takes a core from a software
   * device. Naps between the polls leave it the core. They begin at nothing with every new wait, so that short work is
   * not held up, and all waits share them: two that nap in turns would poll in between.
   */
  private async napWhileWaiting(pause: NonNullable<RuntimeOptions['pause']>): Promise<void> {
    this.nextNap = 0
    if (this.napping) return
    this.napping = true
    while (this.waiting.size > 0) {
      const nap = this.nextNap
      this.nextNap = Math.min(nap + NAP_GROWTH, LONGEST_NAP)
      await pause(nap)
    }
    this.napping = false
  }

  /** Copies bytes back from a buffer. The buffer must have COPY_SRC usage. */
  async readBuffer(source: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    const staging = await this.buffer(bytes, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ, 'readback')
    const encoder = this.device.createCommandEncoder()
    encoder.copyBufferToBuffer(source, offset, staging, 0, bytes)
    this.device.queue.submit([encoder.finish()])
    await this.patiently(() => staging.mapAsync(GPUMapMode.READ))
    const copy = staging.getMappedRange(0, bytes).slice(0)
    this.release(staging)
    return copy
  }

  /** Frees the device. In Node, the process can exit afterwards. */
  dispose(): void {
    for (const buffer of this.buffers) buffer.destroy()
    this.buffers.clear()
    this.device.destroy()
    void this.gpu
  }
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** See `Capabilities.matrices`. */
async function matricesOf(device: GPUDevice, info: GPUAdapterInfo): Promise<MatrixUnits | null> {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: readonly MatrixConfig[] }
  const multiplies = ({ componentType, resultComponentType, M, N, K }: MatrixConfig) =>
    componentType === 'f16' && resultComponentType === 'f32' && M === 16 && N === 16 && K === 16
  const isThere = (device.features as ReadonlySet<string>).has('chromium-experimental-subgroup-matrix')
  if (!isThere || !subgroupMatrixConfigs.some(multiplies)) return null
  device.pushErrorScope('validation')
  device.createShaderModule({ code: MATRIX_PROBE, label: 'probe' })
  return matrixUnits((await device.popErrorScope()) ? 'former' : 'present')
}

/** Sizes and types that a device's matrix units multiply; no part of WebGPU's types so far. */
interface MatrixConfig {
  readonly componentType: string
  readonly resultComponentType: string
  readonly M: number
  readonly N: number
  readonly K: number
}

/** Layout entries read from the WGSL declarations, so that the kernel's text is the only place that states them. */
function bindingsOf(text: string): GPUBindGroupLayoutEntry[] {
  const declaration = /@group\(0\)\s*@binding\((\d+)\)\s*var<\s*(uniform|storage)\s*(?:,\s*(\w+)\s*)?>/g
  return [...text.matchAll(declaration)].map((match) => ({
    binding: Number(match[1]),
    visibility: GPUShaderStage.COMPUTE,
    buffer: {
      type: match[2] === 'uniform' ? 'uniform' : match[3] === 'read_write' ? 'storage' : 'read-only-storage',
    },
  }))
}

function excerpt(text: string, message: GPUCompilationMessage): string {
  const line = text.split('\n')[message.lineNum - 1] ?? ''
  return `${message.lineNum}:${message.linePos} ${message.message}\n      ${line.trim()}`
}
