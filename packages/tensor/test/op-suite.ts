import { afterAll, describe, expect, it } from 'vitest'
import { openGpu } from '../src/node/index.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import { allCases, checkCase, picker } from '../src/testing/index.ts'

const FUZZED = 12

/** Declares the tests of every op's kernels on the device of that name (see `OpenGpuOptions.device`). */
export async function testOps(device: string): Promise<void> {
  const opened = await openGpu({ device })
  const runtime = await Runtime.open(opened.gpu)

  afterAll(() => {
    runtime.dispose()
    opened.release()
  })

  describe.each(Object.entries(allCases))(`%s on ${opened.name}`, (_folder, { cases, fuzz }) => {
    it.each(cases.map((opCase) => [`${opCase.op.name} ${opCase.name}`, opCase] as const))(
      '%s',
      async (_, opCase) => {
        expect((await checkCase(runtime, opCase)).length).toBeGreaterThan(0)
      },
    )

    it.runIf(fuzz)(`survives ${FUZZED} random shapes`, async () => {
      for (let seed = 1; seed <= FUZZED; seed++) {
        expect((await checkCase(runtime, fuzz!(picker(seed)), { seed })).length).toBeGreaterThan(0)
      }
    })
  })
}
