// node scripts/measure-packages.mjs: packs every package, installs the tarballs in an empty project and prints what each
// weighs, as the table of docs/packages.md. The registry must be reachable, or npm's cache full.
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundlePage } from './bundle-page.mjs'
import { packPackages, publishedPackages } from './pack.mjs'
import { root, run } from './setup.mjs'

const project = mkdtempSync(join(tmpdir(), 'voxnorm-measure-'))
try {
  packPackages(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }')
  const tarballs = publishedPackages().map(({ tarball }) => join(project, tarball))
  const words = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs]
  if (run('npm', words, { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] }) !== 0) process.exit(1)
  console.log(
    '| package | tarball | unpacked | installed with all dependencies | packages | native code | its main entry in a page, gzipped |',
  )
  console.log('|---|---|---|---|---|---|---|')
  for (const { manifest, tarball } of publishedPackages()) {
    const folders = closure(join(project, 'node_modules', manifest.name))
    const cells = [
      `\`${manifest.name}\``,
      kilobytes(statSync(join(project, tarball)).size),
      kilobytes(sizeOf(folders[0])),
      megabytes(folders.reduce((sum, folder) => sum + sizeOf(folder), 0)),
      folders.length,
      folders.filter(isNative).map(nameOf).join(', ') || 'none',
      await pageSize(`export * from ${JSON.stringify(manifest.name)}`),
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
  const { atStart, later } = await bundlePage(example(), project)
  console.log(
    `\nA page that normalises a scan (test/packages/example.ts): ${kilobytes(atStart)} gzipped, and of ${kilobytes(later)} what its kernels need.`,
  )
} finally {
  rmSync(project, { recursive: true, force: true })
}

/** The folders of a package and of everything that it depends on, itself first. */
function closure(folder, seen = new Set()) {
  if (seen.has(folder)) return []
  seen.add(folder)
  const { dependencies = {}, optionalDependencies = {} } = manifestOf(folder)
  const below = Object.keys({ ...dependencies, ...optionalDependencies }).flatMap((name) => {
    const found = findPackage(name, folder)
    return found === undefined ? [] : closure(found, seen)
  })
  return [folder, ...below]
}

/** Where Node finds a package that another one imports; undefined for optional ones of other platforms. */
function findPackage(name, from) {
  const folders = createRequire(join(from, 'package.json')).resolve.paths(name) ?? []
  return folders
    .map((folder) => join(folder, name))
    .find((folder) => {
      return folder.startsWith(project) && statSync(folder, { throwIfNoEntry: false })
    })
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

function nameOf(folder) {
  return manifestOf(folder).name
}

/** Every file of a package but those of packages inside it. */
function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules') return []
    return entry.isDirectory() ? filesOf(join(folder, entry.name)) : [join(folder, entry.name)]
  })
}

function sizeOf(folder) {
  return filesOf(folder).reduce((sum, file) => sum + lstatSync(file).size, 0)
}

/** Whether it brings machine code, plain or packed, or runs something when it is installed. */
function isNative(folder) {
  const { scripts = {} } = manifestOf(folder)
  const installs = ['preinstall', 'install', 'postinstall'].some((name) => name in scripts)
  return installs || filesOf(folder).some((file) => /\.(node|so|dylib|dll|exe|br)$/.test(file))
}

function example() {
  return readFileSync(join(root, 'test', 'packages', 'example.ts'), 'utf8')
}

/** What a page downloads for a module before it runs; a dash where it cannot run in one. */
async function pageSize(contents) {
  try {
    return kilobytes((await bundlePage(contents, project)).atStart)
  } catch {
    return '–'
  }
}

function kilobytes(bytes) {
  return `${Math.round(bytes / 1e3)} kB`
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
