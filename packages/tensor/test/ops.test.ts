import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { allCases } from '../src/testing/index.ts'
import { testDevice } from './device-suite.ts'

// The best software renderer of the machine; test/ runs the same cases on the other one and in a browser.
await testDevice(process.env['VOXNORM_TEST_DEVICE'] ?? 'software', 8)

it('knows cases of every folder of ops', () => {
  const folders = readdirSync(join(import.meta.dirname, '../src/ops'))
  expect(Object.keys(allCases)).toEqual(expect.arrayContaining(folders))
  for (const { cases, updates = [] } of Object.values(allCases)) {
    expect(cases.length + updates.length).toBeGreaterThan(0)
  }
})
