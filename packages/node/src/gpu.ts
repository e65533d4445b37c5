import { DeviceError } from '@voxnorm/tensor'
import {
  type AdapterType,
  type Candidate,
  type Look,
  loadDawn,
  lookAtPackage,
  lookAtSystem,
  openCandidate,
  type Toggles,
} from './adapters.ts'

/** What `openGpu` may be told. */
export interface OpenGpuOptions {
  /**
   * `auto`: a real GPU, else lavapipe, else SwiftShader. `software`: the best software renderer. Anything else:
   * part of an adapter's name as `listAdapters` gives it, in any case; `lavapipe` and `swiftshader` are such names.
   */
  readonly device?: string
  /** Dawn toggles besides the usual ones. */
  readonly toggles?: Toggles
}

/** A GPU entry point for `Runtime.open`, held until it is released. */
export class OpenedGpu {
  readonly name: string
  readonly type: AdapterType
  readonly backend: string
  /** True for renderers that run on the processor. */
  readonly software: boolean
  /** One line for people: which adapter this is, and what that means. */
  readonly description: string
  /** Names of all adapters that were seen on the way, this one included. */
  readonly candidates: readonly string[]
  private held: GPU | undefined

  constructor(gpu: GPU, info: GPUAdapterInfo, candidate: Candidate, candidates: readonly string[]) {
    this.held = gpu
    this.name = candidate.name
    this.type = candidate.type
    this.backend = candidate.backend
    this.software = candidate.type === 'software' || info.isFallbackAdapter === true
    this.candidates = candidates
    const driver = info.description && info.description !== this.name ? `, ${info.description}` : ''
    const meaning = this.software ? "; software renderer: expect 1/1000 of a GPU's speed" : ''
    this.description = `${this.name} (${this.backend}${driver})${meaning}`
  }

  /** Dawn's entry point, which offers this adapter and no other. Throws DeviceError after `release`. */
  get gpu(): GPU {
    if (this.held) return this.held
    throw new DeviceError('unavailable', `${this.name} was released`, { fix: 'open it again' })
  }

  /** Lets go of Dawn's entry point. Devices opened on it must have been destroyed. */
  release(): void {
    this.held = undefined
  }
}

/**
 * Finds a GPU for Node, or supplies one: see `OpenGpuOptions.device` for the order.
 * Throws DeviceError, with everything that was tried, when nothing usable or nothing of that name is found.
 */
export async function openGpu(options: OpenGpuOptions = {}): Promise<OpenedGpu> {
  const device = options.device ?? 'auto'
  const dawn = await loadDawn()
  const looks: Look[] = []
  const refused: string[] = []
  // The package comes last, so a machine with a better adapter never unpacks it.
  for (const look of [lookAtSystem, lookAtPackage]) {
    looks.push(await look(dawn))
    for (const candidate of rankCandidates(looks.at(-1)!.candidates, device)) {
      const opened = await openCandidate(dawn, candidate, options.toggles)
      const names = looks.flatMap(({ candidates }) => candidates.map(({ name }) => name))
      if (opened) return new OpenedGpu(opened.gpu, opened.adapter.info, candidate, names)
      refused.push(`${candidate.name}: Dawn lists it but does not open it`)
    }
  }
  throw noAdapter(device, looks, refused)
}

const ALIASES: Readonly<Record<string, string>> = { lavapipe: 'llvmpipe' }

/** The candidates that `device` allows, best first; equals keep Dawn's order. */
export function rankCandidates(candidates: readonly Candidate[], device: string): readonly Candidate[] {
  const wanted = device.toLowerCase()
  const allowed = candidates.filter(({ name, type }) => {
    if (wanted === 'auto') return true
    if (wanted === 'software') return type === 'software'
    return name.toLowerCase().includes(ALIASES[wanted] ?? wanted)
  })
  const rank = ({ name, type }: Candidate) => (type !== 'software' ? 0 : /llvmpipe/i.test(name) ? 1 : 2)
  return allowed.toSorted((a, b) => rank(a) - rank(b))
}

function noAdapter(device: string, looks: readonly Look[], refused: readonly string[]): DeviceError {
  const names = looks.flatMap(({ candidates }) => candidates.map(({ name }) => name))
  const tried = looks.map(({ place, problem, candidates }) => {
    return `${place}: ${problem ?? candidates.map(({ name }) => name).join('; ')}`
  })
  const named = names.length > 0
  return new DeviceError(
    'unavailable',
    named ? `no WebGPU adapter is called "${device}"` : 'no usable WebGPU adapter',
    {
      operands: [...tried, ...refused],
      fix: named
        ? 'use auto, software, or part of one of these names'
        : 'install a Vulkan driver (Debian: mesa-vulkan-drivers libvulkan1) and run `voxnorm doctor`',
    },
  )
}
