import { existsSync, readdirSync } from 'node:fs'
import { constants, homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/** Variables for the Vulkan loader; undefined removes one. */
export type VulkanEnvironment = Readonly<Record<string, string | undefined>>

/** Where container toolkits put NVIDIA's manifest, which the loader does not search by itself. */
const NVIDIA_TOOLKIT = '/usr/local/nvidia/share/vulkan/icd.d'

/** The variables by which a user chooses drivers: their choice stands. */
export function chosenDriverFiles(): string | undefined {
  return process.env['VK_DRIVER_FILES'] || process.env['VK_ICD_FILENAMES'] || undefined
}

/** Every Vulkan driver manifest that the loader, or we, can find on a Linux machine. */
export function driverManifests(): readonly string[] {
  const list = (variable: string, otherwise: string) => (process.env[variable] || otherwise).split(':')
  const home = homedir()
  const folders = [
    ...list('XDG_CONFIG_DIRS', '/etc/xdg').map((folder) => join(folder, 'vulkan/icd.d')),
    '/usr/local/etc/vulkan/icd.d',
    '/etc/vulkan/icd.d',
    ...(home ? [join(process.env['XDG_DATA_HOME'] || join(home, '.local/share'), 'vulkan/icd.d')] : []),
    ...list('XDG_DATA_DIRS', '/usr/local/share:/usr/share').map((folder) => join(folder, 'vulkan/icd.d')),
    NVIDIA_TOOLKIT,
  ]
  return [...new Set(folders)].flatMap((folder) => {
    if (!existsSync(folder)) return []
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(folder, name))
  })
}

/** What the loader must be told so that it sees all drivers of this machine. */
export function systemEnvironment(): VulkanEnvironment {
  if (chosenDriverFiles() || process.platform !== 'linux') return {}
  const extra = driverManifests().filter((path) => path.startsWith(NVIDIA_TOOLKIT))
  if (extra.length === 0) return {}
  return { VK_ADD_DRIVER_FILES: [process.env['VK_ADD_DRIVER_FILES'], ...extra].filter(Boolean).join(':') }
}

/** What the loader must be told so that it sees one driver and nothing else. */
export function singleDriverEnvironment(manifest: string): VulkanEnvironment {
  return { VK_DRIVER_FILES: manifest, VK_ICD_FILENAMES: manifest, VK_ADD_DRIVER_FILES: undefined }
}

/**
 * Runs `look` with other variables and puts the old ones back. Dawn reads them when an entry point first looks
 * for adapters and not later, so one process can look several times, and its children inherit nothing strange.
 */
export async function withEnvironment<T>(variables: VulkanEnvironment, look: () => Promise<T>): Promise<T> {
  // Mesa's drivers complain on stderr without it; it stays set because devices are opened later.
  process.env['XDG_RUNTIME_DIR'] ||= tmpdir()
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const)
  const assign = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  for (const [name, value] of Object.entries(variables)) assign(name, value)
  try {
    return await look()
  } finally {
    for (const [name, value] of before) assign(name, value)
  }
}

/**
 * Brings a Vulkan loader into the process, by name (`libvulkan.so.1`, the machine's own) or by path; Dawn then
 * finds it by its name. True when it is there.
 */
export function loadVulkanLoader(file: string): boolean {
  const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen
  // Node unloads what is no add-on, unless the library forbids it (the value is glibc's).
  const RTLD_NODELETE = 0x1000
  try {
    process.dlopen({ exports: {} }, file, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE)
    return true
  } catch (error) {
    // This complaint comes after loading: the library is no add-on, which nobody claimed.
    return error instanceof Error && error.message.includes('did not self-register')
  }
}
