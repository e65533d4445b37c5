import { describe, test } from 'vitest'
import { testOps } from '../../packages/tensor/test/op-suite.ts'
import { softwareRenderers } from './renderers.ts'

// The first one has its turn in packages/tensor.
const [, second] = await softwareRenderers()

if (second) await testOps(second)
else {
  describe('ops on a second software renderer', () => {
    test.skip('there is only one here, which packages/tensor tests')
  })
}
