import { openDevice } from '@voxnorm/node'
import { describe, expect, it } from 'vitest'
import { parseArguments } from '../src/command-line.ts'
import { doctor } from '../src/commands/doctor.ts'
import { openLog } from '../src/progress.ts'

describe('doctor', () => {
  it('finds a device, tests it and reports it in the agreed shape', async () => {
    const log = openLog({ write: () => {}, terminal: false, format: 'text', quiet: true, now: Date.now })
    const { exitCode, document, text } = await doctor.run({
      arguments: parseArguments(doctor, ['--device', 'software']),
      log,
      words: ['doctor'],
      openDevice,
    })
    const { adapters, chosen, selfTest, gflops } = document as {
      adapters: {
        name: string
        type: string
        backend: string
        features: string[]
        limits: Record<string, number>
      }[]
      chosen: number
      selfTest: { passed: boolean; maxRelativeError: number }
      gflops: number
    }
    expect(selfTest).toMatchObject({ passed: true })
    expect(exitCode).toBe(0)
    expect(adapters[chosen]!.type).toBe('software')
    expect(adapters[chosen]!.limits.maxStorageBufferBindingSize).toBeGreaterThan(2 ** 26)
    expect(selfTest.passed).toBe(true)
    expect(selfTest.maxRelativeError).toBeGreaterThan(0)
    expect(selfTest.maxRelativeError).toBeLessThan(1e-5)
    expect(gflops).toBeGreaterThan(0.01)
    expect(text).toContain('self-test: passed')
  })
})
