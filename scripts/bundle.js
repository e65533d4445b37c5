// JavaScript, so that Node can run it unaided: the programs of this folder are bundled with it before they start.
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { kernelsAsText } from './wgsl.js'

/**
 * Makes one ES module of a TypeScript file and of everything of this repository that it imports, straight from the
 * sources, with kernels inlined as text. Throws esbuild's error when something does not resolve or parse.
 *
 * For `browser` the module contains libraries too; for `node` it imports them from where they are installed for the
 * package that uses them, so the module may lie anywhere.
 *
 * @param {string} entry absolute path
 * @param {'node' | 'browser'} platform
 * @returns {Promise<string>} the module's text
 */
export async function bundle(entry, platform) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform,
    target: 'es2023',
    conditions: ['@voxnorm/source'],
    plugins: platform === 'node' ? [kernelsAsText, librariesStayOutside] : [kernelsAsText],
    logLevel: 'silent',
  })
  return outputFiles[0].text
}

const OWN = /^(@voxnorm\/|voxnorm$|node:)/

/** @type {import('esbuild').Plugin} */
const librariesStayOutside = {
  name: 'libraries-stay-outside',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
      // The second look-up, made below, must not come back here.
      if (OWN.test(path) || kind === 'entry-point' || pluginData === librariesStayOutside) return undefined
      const found = await resolve(path, { importer, resolveDir, kind, pluginData: librariesStayOutside })
      return found.errors.length > 0 || found.external
        ? found
        : { path: pathToFileURL(found.path).href, external: true }
    })
  },
}
