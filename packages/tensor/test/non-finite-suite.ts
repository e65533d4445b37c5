import { describe, it } from 'vitest'
import type { Runtime } from '../src/runtime/runtime.ts'
import {
  allCases,
  checkNonFinite,
  checkUpdateNonFinite,
  contractOf,
  leastCases,
} from '../src/testing/index.ts'
import { inHalves } from '../src/tuning/index.ts'

/** Declares tests of what every op makes of NaN, infinities and zero on a device. */
export function testNonFinite(runtime: Runtime, device: string): void {
  const hasHalves = runtime.capabilities.features.has('shader-f16')

  describe.each(Object.entries(allCases))(`NaN and infinity in %s on ${device}`, (folder, all) => {
    const { cases, updates = [] } = all
    const contract = contractOf(folder)
    const halves = hasHalves && contract === 'exact' ? cases.flatMap((opCase) => inHalves(opCase) ?? []) : []
    const least = [...leastCases(runtime, cases), ...leastCases(runtime, halves)]
    const named = least.map(([opCase, kernel]) => {
      return [`${opCase.op.name}.${kernel} ${opCase.name}`, opCase, kernel] as const
    })

    it.each(named)(
      `${contract === 'exact' ? 'stay what they are' : 'are never hidden'}: %s`,
      (_, opCase, kernel) => checkNonFinite(runtime, opCase, kernel, contract),
    )

    // The state of a loss scale comes from itself alone; what gradients do to it has cases of its own.
    const open = updates.filter(({ op }) => op.name !== 'lossScale')
    it.each(open.map((updateCase) => [`${updateCase.op.name} ${updateCase.name}`, updateCase] as const))(
      'stay what they are: %s',
      (_, updateCase) => checkUpdateNonFinite(runtime, updateCase),
    )
  })
}
