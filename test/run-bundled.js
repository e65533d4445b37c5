// Plain JavaScript, because Node cannot run TypeScript: the programs of these folders are bundled from the sources.
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Bundles `main.ts` of a folder and runs its `main` with the words of the command line; its result is the exit code. */
export async function runBundled(folder, name) {
  const { bundle } = await loadBundler()
  const cache = join(import.meta.dirname, 'node_modules', '.cache')
  const program = join(cache, `${name}.mjs`)
  // Another run may be reading the program: it is put in place whole.
  const draft = `${program}.${process.pid}`
  await mkdir(cache, { recursive: true })
  await writeFile(draft, await bundle(join(folder, 'main.ts'), 'node'))
  await rename(draft, program)
  const { main } = await import(pathToFileURL(program).href)
  process.exitCode = await main(process.argv.slice(2))
}

/** The bundler is only there once dependencies are installed. */
async function loadBundler() {
  try {
    return await import('../scripts/bundle.js')
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    process.stderr.write(
      'error: the dependencies are not installed yet.\n  fix: run npm test once in the checkout\n',
    )
    process.exit(69)
  }
}
