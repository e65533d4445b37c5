import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const PAGE = join(ROOT, 'docs/kernels.md')
const SOURCES = 'packages/tensor/src'
const files = readdirSync(join(ROOT, SOURCES), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.wgsl'))
  .map((file) => join(SOURCES, file))
  .sort()
const linesOf = (file: string) => readFileSync(join(ROOT, file), 'utf8').trimEnd().split('\n').length

it('the page of kernels has a row for every file, and counts its lines', async () => {
  const page = readFileSync(PAGE, 'utf8')
  const row = /^(\| \[[^\]]+\]\(\.\.\/(packages\/[^)]+\.wgsl)\) \| )\d+/gm
  expect([...page.matchAll(row)].map(([, , file]) => file).sort()).toEqual(files)
  const lines = files.reduce((sum, file) => sum + linesOf(file), 0)
  const counted = page
    .replaceAll(row, (_, start: string, file: string) => start + linesOf(file))
    .replace(/\*\*\d+ files with \d+ lines\*\*/, `**${files.length} files with ${lines} lines**`)
  // `vitest -u` writes the page.
  await expect(counted).toMatchFileSnapshot(PAGE)
})
