import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** A headless Chromium on disk, and the variables that its process needs. */
export interface Chromium {
  readonly executable: string
  readonly environment: Readonly<Record<string, string>>
}

const PACKAGE = '@sparticuz/chromium'

/** The npm package has Chromium for this platform only. */
export const chromiumIsAvailable = process.platform === 'linux' && process.arch === 'x64'

/**
 * Unpacks the Chromium that comes from npm, together with the shared libraries and fonts that a bare Debian
 * lacks. It goes beside this package's modules, once per version, and appears there only when it is complete.
 */
export async function unpackChromium(): Promise<Chromium> {
  const entry = createRequire(import.meta.url).resolve(PACKAGE)
  const manifest = await readFile(join(dirname(entry), '..', '..', 'package.json'), 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  const folder = join(import.meta.dirname, '..', 'node_modules', '.cache', `chromium-${version}`)
  if (!existsSync(folder)) {
    const draft = `${folder}.${process.pid}`
    await mkdir(draft, { recursive: true })
    await unpackInto(draft)
    await rename(draft, folder).catch(async (error: NodeJS.ErrnoException) => {
      await rm(draft, { recursive: true, force: true })
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  }
  return {
    executable: join(folder, 'chromium'),
    environment: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: folder,
      LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'),
      FONTCONFIG_PATH: join(folder, 'fonts'),
    },
  }
}

/**
 * The package unpacks into the temporary folder, and brings the libraries (NSS, expat) along only where it
 * believes to run on Amazon's functions. A process of its own can be told both without changing ours.
 */
async function unpackInto(folder: string): Promise<void> {
  const program = `import chromium from '${PACKAGE}'; await chromium.executablePath()`
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' },
  })
}
