// What a page downloads of a module: bundled, minified and gzipped as a page's own tools do it.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/**
 * Bundles a module for a page. `atStart` are the bytes, gzipped, that are downloaded before it runs; `later` those of the
 * rest, such as the texts of kernels, of which a page loads what its device and its work need.
 *
 * @param {string} contents TypeScript
 * @param {string} folder where its imports are found
 * @returns {Promise<{ atStart: number, later: number }>}
 */
export async function bundlePage(contents, folder) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: folder, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2023',
    platform: 'browser',
    splitting: true,
    outdir: 'page',
    metafile: true,
    logLevel: 'silent',
  })
  const chunks = Object.keys(metafile.outputs)
  const sizes = new Map(
    chunks.map((name, index) => [name, gzipSync(outputFiles[index].contents, { level: 9 }).length]),
  )
  const first = chunks.find((name) => metafile.outputs[name].entryPoint === '<stdin>')
  const needed = new Set()
  const visit = (name) => {
    if (needed.has(name)) return
    needed.add(name)
    for (const { path, kind } of metafile.outputs[name].imports) if (kind === 'import-statement') visit(path)
  }
  visit(first)
  const sum = (names) => names.reduce((all, name) => all + sizes.get(name), 0)
  return { atStart: sum([...needed]), later: sum(chunks.filter((name) => !needed.has(name))) }
}
