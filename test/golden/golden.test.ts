import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openDevice } from '@voxnorm/node'
import type { OpenDevice } from '@voxnorm/pipeline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { softwareRenderers } from '../adapters/renderers.ts'
import { GoldenFolder } from './manifest.ts'
import { runCase } from './report.ts'

const path = join(import.meta.dirname, '..', '..', '..', 'shared', 'golden')
const folder = existsSync(path) ? new GoldenFolder(path) : undefined
const cases = folder?.cases ?? []
const [best, second] = await softwareRenderers()

const NETWORKS = new Set(['model_step', 'algorithm1_trace', 'inference'])
// The slower renderer computes only one case of each op with networks.
const few = cases.filter((item) => !NETWORKS.has(item.op) || item === cases.find(({ op }) => op === item.op))

const turns = [
  { name: best, chosen: cases },
  { name: second, chosen: few },
].filter(({ name }) => name !== undefined)

describe.skipIf(!folder)('golden numbers (needs ../shared)', () => {
  it('finds cases and a device to compute them on', () => {
    expect(cases).not.toEqual([])
    expect(turns).not.toEqual([])
  })

  describe.each(turns)('on $name', ({ name, chosen }) => {
    let device: OpenDevice
    beforeAll(async () => {
      device = await openDevice(name)
    })
    afterAll(() => device?.close())

    it.each(chosen.map((item) => [item.id, item] as const))(
      '%s',
      async (_, item) => {
        const { problems } = await runCase(item, { folder: folder!, runtime: device.runtime })
        expect(problems).toEqual([])
      },
      400_000,
    )
  })
})
