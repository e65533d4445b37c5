import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { arrowsOfPicture, PICTURE } from '../scripts/draw-imports.mjs'
import {
  importsOf,
  packageArrows,
  packageFolders,
  packageSources,
  type Source,
  siblingOf,
  withoutComments,
} from '../scripts/imports.mjs'

/** Which sibling packages a package may import. `models` needs the types of `data` only, but of all of it. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  data: [],
  tensor: [],
  autograd: ['tensor'],
  models: ['tensor', 'autograd', 'data'],
  node: ['tensor'],
  pipeline: ['tensor', 'autograd', 'data', 'models'],
  report: ['data', 'pipeline'],
  measuring: ['tensor', 'data', 'models', 'node', 'pipeline'],
  reproduction: ['tensor', 'data', 'models', 'pipeline', 'report', 'measuring'],
  cli: ['tensor', 'data', 'models', 'node', 'pipeline', 'report', 'measuring', 'reproduction'],
}
/** What may use Node: programs and what they alone use, and folders of the others. */
const NODE_ONLY = /^packages\/(node|measuring|reproduction|cli)\/|\/src\/node\//
const ADJOINTS = /^packages\/tensor\/src\/ops\/(broadcast|pointwise|reduce)\//
/** A configuration is read together with the flags that override it, and its keys are explained for both. */
const WORDS_OF_A_CONFIG = /^packages\/pipeline\/src\/config\//
/** By this mark in its description a folder is known as made by `voxnorm predict`. */
const MARK = 'pipeline/src/prediction/folder-description.ts'
const GPU = /\bGPU[A-Z]\w*|\bnavigator\.gpu\b|\.wgsl\b/

const packages = Object.keys(ALLOWED)
const sources = packageSources()

function complaints(of: (source: Source) => readonly string[]): string[] {
  return sources.flatMap((source) => of(source).map((what) => `${source.path}: ${what}`))
}

/** Every cycle that a depth-first walk of the import graph meets, as a list of files. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = []
  const done = new Set<string>()
  const walk = (file: string, above: readonly string[]) => {
    const start = above.indexOf(file)
    if (start >= 0) found.push([...above.slice(start), file])
    if (start >= 0 || done.has(file)) return
    for (const next of graph.get(file) ?? []) walk(next, [...above, file])
    done.add(file)
  }
  for (const file of graph.keys()) walk(file, [])
  return found
}

describe('boundaries between packages', () => {
  test('every package under packages/ has a rule', () => {
    expect(packageFolders().sort()).toEqual([...packages].sort())
  })

  test('packages import only those below them', () => {
    const wrong = complaints(({ package: name, imports }) =>
      imports
        .filter(({ from }) => {
          const sibling = siblingOf(from)
          return sibling !== undefined && sibling !== name && !ALLOWED[name]!.includes(sibling)
        })
        .map(({ from }) => `imports ${from}`),
    )
    expect(wrong).toEqual([])
  })

  test('docs/images/imports.svg shows the imports of today: node scripts/draw-imports.mjs draws it anew', () => {
    expect(arrowsOfPicture(readFileSync(PICTURE, 'utf8'))).toEqual(packageArrows(sources))
  })

  test('a package reaches another one by its name, never by a path into it', () => {
    const wrong = complaints(({ path, package: name, imports }) =>
      imports
        .filter(({ from }) => from.startsWith('.'))
        .filter(({ from }) => !join(dirname(path), from).startsWith(join('packages', name, 'src')))
        .map(({ from }) => `imports ${from}, which is outside its package's src`),
    )
    expect(wrong).toEqual([])
  })

  test('only tensor, and node that opens adapters for it, speak of GPU objects and kernels', () => {
    const wrong = complaints(({ package: name, code }) =>
      name === 'tensor' || name === 'node' ? [] : [...new Set(code.match(new RegExp(GPU, 'g')) ?? [])],
    )
    expect(wrong).toEqual([])
  })

  test('only src/node folders, the package node and the command line use Node', () => {
    const wrong = complaints(({ path, imports, code }) => {
      if (NODE_ONLY.test(path)) return []
      const modules = imports.filter(({ from }) => from.startsWith('node:')).map(({ from }) => from)
      return [...modules, ...(code.match(/\bprocess\.\w+|\bBuffer\.\w+|\brequire\(/g) ?? [])]
    })
    expect(wrong).toEqual([])
  })

  test('what runs in a browser imports nothing that needs Node', () => {
    const wrong = complaints(({ path, imports }) => {
      if (NODE_ONLY.test(path)) return []
      return imports
        .filter(({ from }) => /^\.{1,2}\/.*\bnode\/|^@voxnorm\/(\w+\/)?node$/.test(from))
        .map(({ from }) => `imports ${from}`)
    })
    expect(wrong).toEqual([])
  })

  test('nothing imports tests or benchmarks', () => {
    const wrong = complaints(({ imports }) =>
      imports
        .map(({ from }) => from)
        .filter((from) => /(^|\/)(test|bench)\//.test(from) || /^@voxnorm\/(test|bench)\b/.test(from)),
    )
    expect(wrong).toEqual([])
  })

  test('nothing but tests and benches imports what is for them', () => {
    const isTesting = /^packages\/[\w-]+\/src\/testing\//
    const wrong = complaints(({ path, imports }) =>
      imports
        .filter(({ from }) =>
          from.startsWith('.') ? isTesting.test(join(dirname(path), from)) : /\/testing$/.test(from),
        )
        .filter(() => !isTesting.test(path))
        .map(({ from }) => `imports ${from}`),
    )
    expect(wrong).toEqual([])
  })

  test('the texts for matrix units are loaded by a device that has such, never before', () => {
    const wrong = complaints(({ path, code }) =>
      path.endsWith('/matrix-texts.ts')
        ? []
        : (code.match(/\bfrom '[^']*\b(matrix-texts\.ts|matrix\.wgsl|halo\.wgsl)'/g) ?? []),
    )
    expect(wrong).toEqual([])
  })

  test('libraries speak of no flags and no commands: the command line words the remedy', () => {
    const wrong = complaints(({ path, package: name, code }) =>
      name === 'cli' ||
      NODE_ONLY.test(path) ||
      WORDS_OF_A_CONFIG.test(path) ||
      path.endsWith(MARK) ||
      path.endsWith('style.ts')
        ? []
        : (code.match(/'[^'\n]*'|`[^`]*`/g) ?? []).filter((text) =>
            /(^|[\s`'])--[a-z][a-z-]*(?!:)\b|\bvoxnorm (train|predict|doctor|evaluate|report|reproduce|synth|bench)\b|exit code/i.test(
              text,
            ),
          ),
    )
    expect(wrong).toEqual([])
  })

  test('no file imports itself, however long the way round', () => {
    const graph = new Map(
      sources.map(({ path, imports }) => [
        path,
        imports
          // An import of types is gone when the program runs.
          .filter(({ from, typeOnly }) => from.startsWith('.') && !typeOnly)
          .map(({ from }) => join(dirname(path), from).replaceAll('\\', '/')),
      ]),
    )
    // The gradient of a sum is a broadcast and the other way round: ops name each other inside their gradient rules.
    const beyondOps = cycles(graph).filter((cycle) => !cycle.every((path) => ADJOINTS.test(path)))
    expect(beyondOps.map((cycle) => cycle.join(' → '))).toEqual([])
  })
})

describe('the reader of imports', () => {
  test('sees every form, and neither comments nor strings', () => {
    const code = withoutComments(`
      import { a } from './a.ts'
      import type { B } from './b.ts' // import './not.ts'
      import c, {
        type D,
      } from '@voxnorm/data'
      export * from './e.ts'
      export { type F } from './f.ts'
      import './g.ts'
      /* import './neither.ts' */
      const url = 'https://example.org' + await import('./h.ts')
      import kernel from './k.wgsl'
    `)
    expect(importsOf(code)).toEqual([
      { from: './a.ts', typeOnly: false },
      { from: './b.ts', typeOnly: true },
      { from: '@voxnorm/data', typeOnly: false },
      { from: './e.ts', typeOnly: false },
      { from: './f.ts', typeOnly: false },
      { from: './g.ts', typeOnly: false },
      { from: './k.wgsl', typeOnly: false },
      { from: './h.ts', typeOnly: false },
    ])
  })

  test('finds a cycle through three files', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['c', ['a']],
      ['d', []],
    ])
    expect(cycles(graph)).toEqual([['a', 'b', 'c', 'a']])
  })
})
