#!/usr/bin/env node
// Plain JavaScript, because Node cannot run TypeScript: bundles main.ts from the sources and starts it.
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundle } from '../../scripts/bundle.js'

const here = import.meta.dirname
const cache = join(here, '..', 'node_modules', '.cache')
const program = join(cache, 'reliability.mjs')
// Another run may be reading the program: it is put in place whole.
const draft = `${program}.${process.pid}`
await mkdir(cache, { recursive: true })
await writeFile(draft, await bundle(join(here, 'main.ts'), 'node'))
await rename(draft, program)
const { main } = await import(pathToFileURL(program).href)
process.exitCode = await main(process.argv.slice(2))
