import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumIsAvailable } from './chromium.ts'
import type { Result } from './device.entry.ts'
import { BrowserPage } from './harness.ts'

describe.skipIf(!chromiumIsAvailable)('WebGPU in Chromium (needs Linux x64)', () => {
  let page: BrowserPage
  beforeAll(async () => {
    page = await BrowserPage.open()
  })
  afterAll(() => page?.close())

  test('a compute shader runs in a page', async () => {
    const result = await page.run<Result>('device.entry.ts')
    expect(result.doubled).toEqual([1, -2, 6, 2e6])
    expect(result.architecture).toBe('swiftshader')
  })

  test('an error in the page comes back with what the console said', async () => {
    await expect(page.run('broken.entry.ts')).rejects.toThrow(
      /broken\.entry\.ts failed in the page: .*nothing was computed[\s\S]*console: the shader is crooked/,
    )
  })
})
