import { existsSync } from 'node:fs'
import {
  type AdapterType,
  type Candidate,
  DEFAULT_TOGGLES,
  loadDawn,
  lookAtPackage,
  lookAtSystem,
  openCandidate,
  type Toggles,
} from './adapters.ts'
import { rankCandidates } from './gpu.ts'
import { chosenDriverFiles, driverManifests } from './vulkan.ts'

/** One adapter of this machine, as `voxnorm doctor` shows it. */
export interface AdapterReport {
  readonly name: string
  readonly type: AdapterType
  readonly backend: string
  /** The driver's own words about itself. */
  readonly driver: string
  readonly features: readonly string[]
  readonly limits: Readonly<Record<string, number>>
}

/** Everything found, which adapter `auto` takes (index, -1 for none), and how to get a better one. */
export interface AdapterSurvey {
  readonly adapters: readonly AdapterReport[]
  readonly chosen: number
  readonly advice: readonly string[]
  /** Dawn's switches with which they are opened. */
  readonly toggles: Toggles
}

/** Looks everywhere, also where `openGpu` would not look any more. Throws DeviceError only without Dawn. */
export async function listAdapters(): Promise<AdapterSurvey> {
  const dawn = await loadDawn()
  const looks = [await lookAtSystem(dawn), await lookAtPackage(dawn)]
  const adapters: AdapterReport[] = []
  const opened: Candidate[] = []
  for (const candidate of looks.flatMap(({ candidates }) => candidates)) {
    const found = await openCandidate(dawn, candidate)
    if (!found) continue
    opened.push(candidate)
    adapters.push(report(candidate, found.adapter))
  }
  const best = rankCandidates(opened, 'auto')[0]
  const problems = looks.flatMap(({ place, problem }) => (problem ? [`${place}: ${problem}`] : []))
  const facts = {
    platform: process.platform,
    driverFiles: chosenDriverFiles(),
    manifests: process.platform === 'linux' ? driverManifests() : [],
    nvidiaKernelDriver: existsSync('/proc/driver/nvidia/version'),
    renderNode: existsSync('/dev/dri'),
  }
  return {
    adapters,
    chosen: best ? opened.indexOf(best) : -1,
    advice: [...problems, ...adviceFor(adapters, facts)],
    toggles: DEFAULT_TOGGLES,
  }
}

function report(candidate: Candidate, adapter: GPUAdapter): AdapterReport {
  // WebGPU objects keep their values in getters of the prototype, which JSON does not see.
  const limits = Object.getOwnPropertyNames(Object.getPrototypeOf(adapter.limits))
    .map((name) => [name, adapter.limits[name as keyof GPUSupportedLimits]] as const)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
  return {
    name: candidate.name,
    type: candidate.type,
    backend: candidate.backend,
    driver: adapter.info.description,
    features: [...adapter.features].sort(),
    limits: Object.fromEntries(limits),
  }
}

/** What is known of a machine besides its adapters. */
export interface MachineFacts {
  readonly platform: string
  /** The user's VK_DRIVER_FILES. */
  readonly driverFiles: string | undefined
  readonly manifests: readonly string[]
  readonly nvidiaKernelDriver: boolean
  readonly renderNode: boolean
}

/** How to get the next better adapter: one sentence per step, none when there is nothing better to get. */
export function adviceFor(
  adapters: readonly Pick<AdapterReport, 'name' | 'type' | 'features'>[],
  facts: MachineFacts,
): readonly string[] {
  const advice: string[] = []
  const hardware = adapters.filter(({ type }) => type !== 'software')
  const nvidia = hardware.find(({ name }) => /nvidia|geforce/i.test(name))
  if (nvidia && !nvidia.features.includes('shader-f16')) {
    advice.push(`${nvidia.name} offers no half precision here: update NVIDIA's driver.`)
  }
  if (facts.driverFiles) {
    advice.push(`VK_DRIVER_FILES limits the search to ${facts.driverFiles}: unset it to see every driver.`)
  }
  if (hardware.length > 0 || facts.platform !== 'linux') return advice
  if (facts.nvidiaKernelDriver) {
    advice.push(
      "An NVIDIA GPU is here, but Vulkan does not see it: install NVIDIA's Vulkan driver (libnvidia-gl) and libvulkan1; in a container, also set NVIDIA_DRIVER_CAPABILITIES=all.",
    )
  } else if (facts.renderNode) {
    advice.push(
      'A graphics device (/dev/dri) is here, but Vulkan does not see it: install its driver (Debian: mesa-vulkan-drivers) and join the group "render".',
    )
  } else {
    advice.push('No GPU was found: everything works on the processor, at about 1/1000 of the speed.')
  }
  if (!adapters.some(({ name }) => /llvmpipe/i.test(name))) {
    advice.push(
      facts.manifests.some((path) => path.includes('lvp_icd'))
        ? "The installed lavapipe is not usable, most likely because it is too old: Mesa 25 works (Debian 12: bookworm-backports' mesa-vulkan-drivers)."
        : "Mesa's lavapipe is two to three times as fast as SwiftShader: install mesa-vulkan-drivers 25 or newer (Debian 12: from bookworm-backports).",
    )
  }
  return advice
}
