import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = path.join(import.meta.dirname, '../..')
const SOURCES = ['packages', 'bench', 'scripts', 'test']
const SOURCE = /\.(ts|js|mjs|cjs|py|wgsl)$/
/** A page of the repository, with a section: `docs/method.md#algorithm-1`; decisions go by their number alone. */
const CITATION = /(?<![\w./-])((?:[\w-]+\/)*[\w-]+\.md|docs\/decisions\/\d{4})(?:#([\w-]+))?/g

function filesUnder(folder: string, wanted: RegExp): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name)
    if (entry.isDirectory())
      return /^(node_modules|dist|\..*)$/.test(entry.name) ? [] : filesUnder(file, wanted)
    return wanted.test(entry.name) ? [file] : []
  })
}

/** Comments alone. Strings come first, so that a `//` inside one is no comment; those of Python may be docstrings. */
function commentsOf(file: string): string {
  const text = readFileSync(path.join(ROOT, file), 'utf8')
  if (file.endsWith('.py')) return [...text.matchAll(/"""[\s\S]*?"""|#[^\n]*/g)].join('\n')
  const token =
    /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(\/\*[\s\S]*?\*\/|\/\/[^\n]*(?:\n\s*\/\/[^\n]*)*)/g
  return [...text.matchAll(token)].flatMap(([, comment]) => comment ?? []).join('\n')
}

/** The fragments that GitHub gives to the headings of a page. */
function sectionsOf(page: string): string[] {
  const prose = readFileSync(path.join(ROOT, page), 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '')
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** What is wrong with a reference to a page from the repository's root; undefined when it can be followed. */
function fault(page: string, section: string | undefined): string | undefined {
  const folder = path.posix.dirname(page)
  const exists = page.endsWith('.md')
    ? existsSync(path.join(ROOT, page))
    : readdirSync(path.join(ROOT, folder)).some((name) => name.startsWith(path.posix.basename(page)))
  if (!exists) return `${page} does not exist`
  if (section === undefined || sectionsOf(page).includes(section)) return undefined
  return `${page} has no section #${section}`
}

describe('what comments refer to', () => {
  const sources = SOURCES.flatMap((folder) => filesUnder(folder, SOURCE))

  it('is a page of this repository, with the section', () => {
    const faults = sources.flatMap((file) =>
      [...commentsOf(file).matchAll(CITATION)].flatMap(([, page, section]) => {
        const wrong = fault(page!, section)
        return wrong === undefined ? [] : [`${file}: ${wrong}`]
      }),
    )
    expect(faults).toEqual([])
  })

  it('has no numbered sections, which a reader has no document for', () => {
    expect(sources.filter((file) => commentsOf(file).includes('\u00a7'))).toEqual([])
  })
})

describe('links of the pages', () => {
  it('lead to files and sections that exist', () => {
    const pages = ['README.md', ...filesUnder('docs', /\.md$/)]
    const faults = pages.flatMap((page) => {
      const prose = readFileSync(path.join(ROOT, page), 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '')
      return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
        if (/^[a-z]+:/.test(link!)) return []
        const [target, section] = link!.split('#') as [string, string | undefined]
        const file = target === '' ? page : path.posix.join(path.posix.dirname(page), target)
        if (!existsSync(path.join(ROOT, file))) return [`${page}: ${link} does not exist`]
        const sections = section === undefined || !file.endsWith('.md') ? undefined : sectionsOf(file)
        return sections === undefined || sections.includes(section!)
          ? []
          : [`${page}: ${file} has no section #${section}`]
      })
    })
    expect(faults).toEqual([])
  })
})
