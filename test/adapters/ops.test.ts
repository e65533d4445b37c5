import { describe, test } from 'vitest'
import { testDevice } from '../../packages/tensor/test/device-suite.ts'
import { softwareRenderers } from './renderers.ts'

// The first one has its turn in packages/tensor, with more random shapes.
const [, second] = await softwareRenderers()

if (second) await testDevice(second, 2)
else {
  describe('ops on a second software renderer', () => {
    test.skip('there is only one here, which packages/tensor tests')
  })
}
