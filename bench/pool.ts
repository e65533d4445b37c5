import { maxPool, upsample } from '@voxnorm/tensor'
import { type Layer, timeLayers } from './layers.ts'

const layers: readonly Layer[] = [
  {
    name: 'maxPool',
    shape: [2, 32, 32, 32, 16],
    parameters: [],
    apply: maxPool,
    tolerance: 1e-6,
    contestants: {
      windows: { maxPool: 'windows', maxPoolGradient: 'windows' },
      direct: { maxPool: 'direct', maxPoolGradient: 'direct' },
    },
  },
  {
    name: 'upsample',
    shape: [2, 16, 16, 16, 32],
    parameters: [],
    apply: upsample,
    tolerance: 1e-6,
    contestants: { rows: {} },
  },
]

/** Times what lies between two levels of a U-Net: max-pooling on the way down, nearest upsampling on the way up. */
export const run = (options: readonly string[]): Promise<void> => timeLayers('pool', layers, options)
