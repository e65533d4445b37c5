import { join } from 'node:path'
import { configHelp, configKeys, configPage } from '@voxnorm/pipeline/training'
import { describe, expect, it } from 'vitest'

const PAGE = join(import.meta.dirname, '../../docs/config.md')

describe('the reference of the configuration', () => {
  it('is the page docs/config.md', async () => {
    // `vitest -u` writes the page.
    await expect(configPage()).toMatchFileSnapshot(PAGE)
  })

  it('says of every key what it means in whole sentences, what it must be, and a default of every preset', () => {
    for (const { key, meaning, allowed, defaults } of configKeys()) {
      expect(meaning, key).toMatch(/^[A-Z].{15,}\.$/)
      expect(allowed, key).not.toBe('')
      expect(Object.keys(defaults), key).toEqual(['paper', 'authors-code', 'tiny', 'voxnorm'])
      expect(Object.values(defaults), key).not.toContain(undefined)
    }
  })

  it('tells every key and a default that differs on a terminal of 80 columns', () => {
    const help = configHelp()
    const lines = help.split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    for (const { key } of configKeys()) expect(lines).toContain(key)
    expect(help).toMatch(/^data\.patch\n(?: .*\n)+? {2}default 32 \(tiny: 16, voxnorm: 16\)$/m)
  })
})
