import { allCases } from '@voxnorm/tensor/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumIsAvailable } from './chromium.ts'
import { BrowserPage } from './harness.ts'
import type { Row } from './ops.entry.ts'

describe.skipIf(!chromiumIsAvailable)('ops in Chromium (needs Linux x64)', () => {
  let page: BrowserPage
  beforeAll(async () => {
    page = await BrowserPage.open()
  })
  afterAll(() => page?.close())

  test('every kernel that fits the browser agrees with the float64 reference', async () => {
    const rows = await page.run<Row[]>('ops.entry.ts')
    expect(rows.filter(({ problem }) => problem !== undefined)).toEqual([])
    expect(rows.every(({ kernels }) => kernels > 0)).toBe(true)
    expect(rows).toHaveLength(
      Object.values(allCases).flatMap(({ cases, updates = [] }) => [...cases, ...updates]).length,
    )
  })
})
