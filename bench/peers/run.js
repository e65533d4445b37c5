#!/usr/bin/env node
// node bench/peers/run.js --peers ours,jax --cases conv [options]: plain JavaScript, because Node cannot run
// TypeScript. Bundles the programs from the sources and starts the first of them. See README.md.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundle } from '../../scripts/bundle.js'

// The bundles lie in the tensor package, from where the embedded software renderer can be found.
const folder = join(import.meta.dirname, '..', '..', 'packages', 'node', 'node_modules', '.cache')
mkdirSync(folder, { recursive: true })

/** The path of a program, put in place whole: another run may be reading it. */
async function program(name) {
  const file = join(folder, `peers-${name}.mjs`)
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, await bundle(join(import.meta.dirname, `${name}.ts`), 'node'))
  renameSync(draft, file)
  return file
}

const { main } = await import(pathToFileURL(await program('main')).href)
const programs = { here: import.meta.dirname, worker: await program('worker'), ours: await program('ours') }
process.exitCode = await main(process.argv.slice(2), programs)
