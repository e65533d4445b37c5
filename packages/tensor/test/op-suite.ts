import { describe, expect, it } from 'vitest'
import type { Runtime } from '../src/runtime/runtime.ts'
import { allCases, checkUpdate } from '../src/testing/index.ts'
import { checkCase, fittingKernels, inHalves, picker } from '../src/tuning/index.ts'

/** Declares the tests of every op's kernels on a device, with all cases and so many random shapes. */
export function testOps(runtime: Runtime, device: string, randomShapes: number): void {
  describe.each(Object.entries(allCases))(`%s on ${device}`, (_folder, all) => {
    const { cases, updates = [], fuzz } = all
    it.each(cases.map((opCase) => [`${opCase.op.name} ${opCase.name}`, opCase] as const))(
      '%s',
      async (_, opCase) => {
        expect((await checkCase(runtime, opCase)).length).toBeGreaterThan(0)
      },
    )

    it.each(updates.map((updateCase) => [`${updateCase.op.name} ${updateCase.name}`, updateCase] as const))(
      '%s',
      async (_, updateCase) => {
        expect(await checkUpdate(runtime, updateCase)).toBeLessThan(1e-5)
      },
    )

    const { capabilities } = runtime
    it.runIf(capabilities.features.has('shader-f16'))('computes the same in half precision', async () => {
      const halves = cases.flatMap((opCase) => inHalves(opCase) ?? [])
      const random = halves.length > 0 && fuzz ? (inHalves(fuzz(picker(1))) ?? []) : []
      const checked = new Map<string, number>()
      for (const opCase of [random, ...halves].flat()) {
        // Where values lie is tried in f32 with all cases. Each kernel has to read and write halves in two of them: a
        // random one, and the first that it fits.
        const kernels = fittingKernels(capabilities, opCase).filter((kernel) => {
          const key = `${opCase.op.name}.${kernel}`
          checked.set(key, (checked.get(key) ?? 0) + 1)
          return checked.get(key)! <= 2
        })
        await checkCase(runtime, opCase, { kernels })
      }
    })

    it.runIf(fuzz)(`survives ${randomShapes} random shapes`, async () => {
      for (let seed = 1; seed <= randomShapes; seed++) {
        expect((await checkCase(runtime, fuzz!(picker(seed)), { seed })).length).toBeGreaterThan(0)
      }
    })
  })
}
