import { batchNorm } from '@voxnorm/tensor'
import { type Layer, timeLayers } from './layers.ts'

const layer = (shape: Layer['shape']): Layer => ({
  name: 'batchNorm',
  shape,
  parameters: [[shape[4]], [shape[4]]],
  apply: (x, [weight, bias]) => batchNorm(x, weight!, bias!, { epsilon: 1e-5 }),
  tolerance: 1e-5,
  contestants: { shares: {} },
})

/** Times batch norm in training at the two ends of a U-Net: many voxels and few channels, and the reverse. */
export const run = (options: readonly string[]): Promise<void> =>
  timeLayers('norm', [layer([2, 32, 32, 32, 16]), layer([4, 2, 2, 2, 64])], options)
