import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import { DeviceError } from '@voxnorm/tensor'
import { cacheFolders } from './cache-folders.ts'
import { readTar } from './tar.ts'

/** SwiftShader's Vulkan driver and a Vulkan loader, unpacked on this machine. */
export interface SwiftShader {
  /** The driver's manifest, as VK_DRIVER_FILES wants it. */
  readonly manifest: string
  /** A Vulkan loader for machines that have none. */
  readonly loader: string
}

const PACKAGE = '@sparticuz/chromium'
const FILES = {
  manifest: 'vk_swiftshader_icd.json',
  driver: 'libvk_swiftshader.so',
  loader: 'libvulkan.so.1',
}

/**
 * Unpacks the software renderer that the npm package carries, once per user and version, and says where it is.
 * Throws DeviceError where the package has no driver for this platform, is missing, or cannot be unpacked.
 */
export async function swiftShader(): Promise<SwiftShader> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new DeviceError('unavailable', `${PACKAGE} has no driver for ${process.platform}-${process.arch}`)
  }
  const root = packageRoot()
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  const refusals: string[] = []
  for (const cache of cacheFolders()) {
    const folder = join(cache, `swiftshader-${version}`)
    try {
      if (!existsSync(folder)) await unpack(join(root, 'bin', 'swiftshader.tar.br'), folder)
      await assertOwn(folder)
      return { manifest: join(folder, FILES.manifest), loader: join(folder, FILES.loader) }
    } catch (error) {
      refusals.push(`${folder}: ${error instanceof Error ? error.message : error}`)
    }
  }
  throw new DeviceError('unavailable', 'SwiftShader could not be unpacked', {
    operands: refusals,
    fix: 'set XDG_CACHE_HOME to a folder that can be written to',
  })
}

function packageRoot(): string {
  try {
    // The package exports its entry only, which lies two folders below its root.
    return dirname(dirname(dirname(createRequire(import.meta.url).resolve(PACKAGE))))
  } catch (cause) {
    throw new DeviceError('unavailable', `the npm package ${PACKAGE} is not installed`, {
      operands: [cause instanceof Error ? cause.message.split('\n')[0]! : String(cause)],
      fix: 'install the dependencies again',
    })
  }
}

/** A folder that appears under its final name only when it is complete, however many processes try at once. */
async function unpack(archive: string, folder: string): Promise<void> {
  const draft = `${folder}.${process.pid}.${randomBytes(4).toString('hex')}`
  await mkdir(draft, { recursive: true, mode: 0o700 })
  try {
    const files = readTar(await promisify(brotliDecompress)(await readFile(archive)))
    for (const name of Object.values(FILES)) {
      const bytes = files.get(name)
      if (!bytes) throw new Error(`${archive} has no ${name}`)
      await writeFile(join(draft, name), bytes)
      await chmod(join(draft, name), 0o755)
    }
    await rename(draft, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' && error.code !== 'ENOTEMPTY') throw error
    })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

/** A shared temporary folder could hold somebody else's library under our name; that must never be loaded. */
async function assertOwn(folder: string): Promise<void> {
  const { uid } = await stat(folder)
  if (process.getuid && uid !== process.getuid()) throw new Error('belongs to another user')
}
