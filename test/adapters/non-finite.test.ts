import { describe, test } from 'vitest'
import { testNonFinite } from '../../packages/tensor/test/non-finite-suite.ts'
import { softwareRenderers } from './renderers.ts'

// The first one has its turn in packages/tensor.
const [, second] = await softwareRenderers()

if (second) await testNonFinite(second)
else {
  describe('NaN and infinity on a second software renderer', () => {
    test.skip('there is only one here, which packages/tensor tests')
  })
}
