import { openGpu } from '@voxnorm/tensor/node'
import { describe, test } from 'vitest'
import { testOps } from '../../packages/tensor/test/op-suite.ts'

const SECOND = 'swiftshader'

/** The adapter of that name, or why there is none. */
async function nameOf(device: string): Promise<{ name?: string; problem?: string }> {
  try {
    const opened = await openGpu({ device })
    opened.release()
    return { name: opened.name }
  } catch (error) {
    return { problem: String(error) }
  }
}

const [best, second] = [await nameOf('software'), await nameOf(SECOND)]

if (second.name !== undefined && second.name !== best.name) await testOps(SECOND)
else {
  const reason =
    second.name === undefined
      ? `no SwiftShader: ${second.problem}`
      : `${second.name} is the only one and already runs in packages/tensor`
  describe('ops on a second software renderer', () => {
    test.skip(`skipped: ${reason}`)
  })
}
