// JavaScript, so that Node can run it unaided: which module imports which, read from the text of the sources.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from './setup.mjs'

/**
 * @typedef {{ readonly from: string, readonly typeOnly: boolean }} Import
 *
 * @typedef {object} Source
 * @property {string} path from the repository's root, with forward slashes
 * @property {string} package the folder under packages/
 * @property {string} code the text without comments, so that prose may mention anything
 * @property {readonly Import[]} imports
 */

/**
 * The TypeScript sources of all packages.
 *
 * @returns {Source[]}
 */
export function packageSources() {
  return packageFolders().flatMap((name) =>
    filesUnder(join(root, 'packages', name, 'src'), /\.ts$/).map((path) => {
      const code = withoutComments(readFileSync(path, 'utf8'))
      const inRepository = relative(root, path).replaceAll('\\', '/')
      return { path: inRepository, package: name, code, imports: importsOf(code) }
    }),
  )
}

/** The folders under packages/. */
export const packageFolders = () =>
  readdirSync(join(root, 'packages')).filter((name) => !name.startsWith('.'))

/**
 * @param {string} folder
 * @param {RegExp} extension
 * @returns {string[]}
 */
function filesUnder(folder, extension) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesUnder(path, extension)
    return extension.test(entry.name) ? [path] : []
  })
}

/** @param {string} text */
export function withoutComments(text) {
  // Strings are matched first and kept, so that a `//` inside one is no comment.
  return text.replace(
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_whole, literal) => literal ?? '',
  )
}

/**
 * @param {string} code without comments
 * @returns {Import[]}
 */
export function importsOf(code) {
  const statement = /\b(?:import|export)\s+(type\s+)?(?:[\w*{][^'"`;=()]*?\bfrom\s*)?['"]([^'"]+)['"]/g
  const call = /\bimport\s*\(\s*['"]([^'"]+)['"]/g
  return [
    ...[...code.matchAll(statement)].map(([, type, from = '']) => ({ from, typeOnly: type !== undefined })),
    ...[...code.matchAll(call)].map(([, from = '']) => ({ from, typeOnly: false })),
  ]
}

/**
 * `@voxnorm/data/node` → `data`; the command line's package is called plain `voxnorm`.
 *
 * @param {string} from
 * @returns {string | undefined}
 */
export function siblingOf(from) {
  if (from === 'voxnorm' || from.startsWith('voxnorm/')) return 'cli'
  return /^@voxnorm\/([\w-]+)/.exec(from)?.[1]
}

/**
 * The imports from package to package, as `models → data` and sorted; `models ⇢ data` where only types are imported.
 *
 * @param {readonly Source[]} sources
 */
export function packageArrows(sources) {
  /** @type {Map<string, boolean>} */
  const typesOnly = new Map()
  for (const { package: importer, imports } of sources) {
    for (const { from, typeOnly } of imports) {
      const sibling = siblingOf(from)
      if (sibling === undefined || sibling === importer) continue
      const pair = `${importer} ${sibling}`
      typesOnly.set(pair, (typesOnly.get(pair) ?? true) && typeOnly)
    }
  }
  return [...typesOnly].map(([pair, types]) => pair.replace(' ', types ? ' ⇢ ' : ' → ')).sort()
}
