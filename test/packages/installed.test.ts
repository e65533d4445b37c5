import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { copyFile, lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readVolume } from '@voxnorm/data'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { bundlePage } from '../../scripts/bundle-page.mjs'
import { packPackages, publishedPackages } from '../../scripts/pack.mjs'
import { root } from '../../scripts/setup.mjs'
import { chromiumIsAvailable } from '../browser/chromium.ts'
import { BrowserPage } from '../browser/harness.ts'
import type { Result } from './example.ts'
import { modelFile, scanFile } from './specimens.ts'

const run = promisify(execFile)

/** What a page needs that normalises scans. */
const WEB = '@voxnorm/pipeline'
/** Everything that is installed for it, our own packages and others: the promise of docs/packages.md. */
const LARGEST_WEB_INSTALL = 5e6
/** What a page downloads, gzipped, before it can ask for the first kernel; docs/packages.md says so, too. */
const LARGEST_PAGE = 73e3

let scratch: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'voxnorm-packages-'))
  packPackages(join(scratch, 'tarballs'))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

/** The package of this name and those of ours that it depends on. */
function withDependencies(name: string): readonly string[] {
  const { dependencies = {} } = publishedPackages().find(({ manifest }) => manifest.name === name)!.manifest
  const own = Object.keys(dependencies).filter((other) => /^@voxnorm\/|^voxnorm$/.test(other))
  return [...new Set([name, ...own.flatMap(withDependencies)])]
}

/**
 * An empty project into which npm has put these packages, or the reason why it could not: without a registry and with an
 * empty cache nobody can.
 */
async function install(folder: string, names: readonly string[]): Promise<string | undefined> {
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const tarballs = publishedPackages()
    .filter(({ manifest }) => names.includes(manifest.name))
    .map(({ tarball }) => join(scratch, 'tarballs', tarball))
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--fetch-retries=1']
  try {
    await run('npm', ['install', ...flags, ...tarballs], { cwd: folder })
    return undefined
  } catch (error) {
    const { stderr } = error as { stderr: string }
    const network = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED/.exec(
      stderr,
    )
    if (network) return `npm reaches no registry, and its cache lacks what is needed (${network[0]})`
    throw error
  }
}

/** Every file below a folder. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))

describe(`${WEB} in an empty project`, () => {
  let project: string
  let missing: string | undefined
  beforeAll(async () => {
    project = join(scratch, 'web')
    missing = await install(project, withDependencies(WEB))
  })
  const skipUnless = (context: TestContext) => context.skip(missing !== undefined, missing)

  test('is small with all that it needs, as is a page, has no native code, and runs nothing when it is installed', async (context) => {
    skipUnless(context)
    const files = filesOf(join(project, 'node_modules'))
    const sizes = await Promise.all(files.map(async (file) => (await lstat(file)).size))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(LARGEST_WEB_INSTALL)
    expect(files.filter((file) => /\.(node|so|dylib|dll|exe|wasm|gyp)$/.test(file))).toEqual([])
    const page = await readFile(join(root, 'test', 'packages', 'example.ts'), 'utf8')
    expect((await bundlePage(page, project)).atStart).toBeLessThan(LARGEST_PAGE)
    for (const file of files.filter((name) => name.endsWith('package.json'))) {
      const { scripts = {} } = JSON.parse(await readFile(file, 'utf8'))
      expect(Object.keys(scripts), file).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/^(pre|post)?install$/)]),
      )
    }
  })

  test.for([
    ['nodenext', 'nodenext'],
    ['preserve', 'bundler'],
  ])('has types for modules of kind %s resolved as by %s', async ([module, moduleResolution], context) => {
    skipUnless(context)
    await copyFile(join(import.meta.dirname, 'example.ts'), join(project, 'example.ts'))
    const lib = ['es2023', 'dom']
    const options = {
      module,
      moduleResolution,
      target: 'es2023',
      lib,
      types: [],
      strict: true,
      noEmit: true,
    }
    await writeFile(
      join(project, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['example.ts'] }),
    )
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const { stdout } = await run(process.execPath, [tsc, '-p', project]).catch((error) => error)
    expect(stdout).toBe('')
  })
})

describe('all packages in an empty project', () => {
  let project: string
  let missing: string | undefined
  beforeAll(async () => {
    project = join(scratch, 'all')
    missing = await install(
      project,
      publishedPackages().map(({ manifest }) => manifest.name),
    )
  })
  const skipUnless = (context: TestContext) => context.skip(missing !== undefined, missing)

  test('bring a licence and a README each, and neither tests nor notes of the compiler', (context) => {
    skipUnless(context)
    for (const { manifest } of publishedPackages()) {
      const folder = join(project, 'node_modules', manifest.name)
      const files = filesOf(folder).map((file) => file.slice(folder.length + 1))
      expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']))
      expect(files.filter((file) => /\.tsbuildinfo$|\.test\.|^test\//.test(file))).toEqual([])
    }
  })

  test('can be imported by every entry', async (context) => {
    skipUnless(context)
    const entries = publishedPackages().flatMap(({ manifest: { name, exports } }) =>
      Object.keys(exports).map((entry) => join(name, entry)),
    )
    // Modules that a thread begins with wait for its messages.
    const program = `for (const entry of ${JSON.stringify(entries)}) await import(entry)
process.exit(0)`
    await run(process.execPath, ['--input-type=module', '-e', program], { cwd: project })
  })

  test('bring the command line', async (context) => {
    skipUnless(context)
    const { stdout } = await run(join(project, 'node_modules', '.bin', 'voxnorm'), ['--help'])
    expect(stdout).toMatch(/usage: voxnorm COMMAND/)
  })

  test.skipIf(!chromiumIsAvailable)(
    'normalise a scan in a page as in Node, on the same kind of adapter (needs Linux x64)',
    async (context) => {
      skipUnless(context)
      await copyFile(join(import.meta.dirname, 'example.ts'), join(project, 'example.ts'))
      const [model, scan] = [modelFile(), scanFile()]
      const inPage = await resultInPage(project, model, scan)
      const inNode = await resultInNode(project, model, scan)
      const labels = readVolume(bytesOf(inNode, 'scan_dseg.nii.gz'), { name: 'scan_dseg.nii.gz' })
      expect(new Set(labels.data).size).toBeGreaterThan(1)
      for (const name of IMAGES) expect(voxelsOf(inPage, name), name).toEqual(voxelsOf(inNode, name))
    },
  )

  test('normalise a scan as the command line does, on the same kind of adapter', async (context) => {
    skipUnless(context)
    await copyFile(join(import.meta.dirname, 'example.ts'), join(project, 'example.ts'))
    const inNode = await resultInNode(project, modelFile(), scanFile())
    const words = [
      'predict',
      '-m',
      'model.safetensors',
      '-i',
      'scan.nii',
      '-o',
      'out',
      '--save-probabilities',
    ]
    const program = join(project, 'node_modules', '.bin', 'voxnorm')
    await run(program, [...words, '--device', 'swiftshader'], { cwd: project })
    for (const name of [...IMAGES, 'scan_volumes.tsv']) {
      const written = await readFile(join(project, 'out', name))
      expect(Buffer.from(bytesOf(inNode, name)).equals(written), name).toBe(true)
    }
  })
})

/** What `predict` writes for scan.nii besides tables and sidecars. */
const IMAGES = [
  'desc-norm',
  'dseg',
  ...['BG', 'CSF', 'GM', 'WM'].map((label) => `label-${label}_probseg`),
].map((name) => `scan_${name}.nii.gz`)

const bytesOf = ({ files }: Result, name: string) => Uint8Array.from(files[name]!)

/** Browsers compress in their own ways: what counts is the image inside. */
const voxelsOf = (result: Result, name: string) => [...readVolume(bytesOf(result, name), { name }).data]

/** Bundles the example as the installed packages offer themselves to a page, and runs it in Chromium. */
async function resultInPage(project: string, model: Uint8Array, scan: Uint8Array): Promise<Result> {
  const contents = `import { normalizeScan } from './example.ts'
const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer())
export const run = async () => normalizeScan(navigator.gpu, await bytes('/model.safetensors'), await bytes('/scan.nii'))`
  const text = await bundled(project, contents, 'browser')
  const page = await BrowserPage.open()
  try {
    page.serve('/model.safetensors', model)
    page.serve('/scan.nii', scan)
    return await page.runModule<Result>('page.js', text)
  } finally {
    await page.close()
  }
}

/** The same on SwiftShader in Node. */
async function resultInNode(project: string, model: Uint8Array, scan: Uint8Array): Promise<Result> {
  await writeFile(join(project, 'model.safetensors'), model)
  await writeFile(join(project, 'scan.nii'), scan)
  const contents = `import { readFileSync } from 'node:fs'
import { openGpu } from '@voxnorm/node'
import { normalizeScan } from './example.ts'
const { gpu } = await openGpu({ device: 'swiftshader' })
const result = await normalizeScan(gpu, readFileSync('model.safetensors'), readFileSync('scan.nii'))
process.stdout.write(JSON.stringify(result))`
  await writeFile(join(project, 'node.mjs'), await bundled(project, contents, 'node'))
  const { stdout } = await run(process.execPath, ['node.mjs'], { cwd: project, maxBuffer: 1e8 })
  return JSON.parse(stdout)
}

async function bundled(project: string, contents: string, platform: 'browser' | 'node'): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: project },
    bundle: true,
    write: false,
    format: 'esm',
    platform,
    packages: platform === 'node' ? 'external' : 'bundle',
  })
  return outputFiles[0]!.text
}
