import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { fuzz } from './fuzz.ts'

const built = existsSync('packages/cli/dist/main.js')

/** A slow machine may take its time; only what never ends is a fault here. `run.js` is stricter. */
const LIMIT = 120

it.skipIf(!built)('200 damaged files are done right or refused (needs the build)', async () => {
  const { faults, counts } = await fuzz({
    seed: 1,
    first: 0,
    count: 200,
    limit: LIMIT,
    device: 'SwiftShader',
  })
  expect(faults).toEqual([])
  const total = [...counts.values()]
    .flatMap((ways) => [...ways.values()])
    .reduce((sum, ways) => sum + ways, 0)
  expect(total).toBe(200)
})
