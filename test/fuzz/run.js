#!/usr/bin/env node
// Plain JavaScript, because Node cannot run TypeScript: bundles main.ts from the sources and starts it.
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const here = import.meta.dirname

/** Loads the bundler, which is only there once dependencies are installed. */
async function loadBundler() {
  try {
    return await import('../../scripts/bundle.js')
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    process.stderr.write(
      'error: the dependencies are not installed yet.\n  fix: run npm test once in the checkout\n',
    )
    process.exit(69)
  }
}

const { bundle } = await loadBundler()
const cache = join(here, '..', 'node_modules', '.cache')
const program = join(cache, 'fuzz.mjs')
// Another run may be reading the program: it is put in place whole.
const draft = `${program}.${process.pid}`
await mkdir(cache, { recursive: true })
await writeFile(draft, await bundle(join(here, 'main.ts'), 'node'))
await rename(draft, program)
const { main } = await import(pathToFileURL(program).href)
process.exitCode = await main(process.argv.slice(2))
