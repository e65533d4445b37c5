import { afterAll, describe, it } from 'vitest'
import { openGpu } from '../src/node/index.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import {
  allCases,
  checkNonFinite,
  checkUpdateNonFinite,
  contractOf,
  inHalves,
  leastCases,
} from '../src/testing/index.ts'

/** Declares tests of what every op makes of NaN, infinities and zero, on the device of that name. */
export async function testNonFinite(device: string): Promise<void> {
  const opened = await openGpu({ device })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software })
  const hasHalves = runtime.capabilities.features.has('shader-f16')

  afterAll(() => {
    runtime.dispose()
    opened.release()
  })

  describe.each(Object.entries(allCases))(`NaN and infinity in %s on ${opened.name}`, (folder, all) => {
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
