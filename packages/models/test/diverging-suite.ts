import { ConfigError } from '@voxnorm/data'
import type { TrainingConfig, TrainingEvent } from '@voxnorm/models'
import { train } from '@voxnorm/models'
import type { Runtime } from '@voxnorm/tensor'
import { describe, expect, it } from 'vitest'
import { tinyTraining, twoSites } from './subjects.ts'

/** A training whose learning rate is too large for float32, and so are the weights after one step. */
function diverging(lr: number, iterationsPerEpoch: number): TrainingConfig {
  const config = tinyTraining({ method: 'baseline', epochs: 1, iterationsPerEpoch })
  const system = { ...config.optim.segmenter, lr }
  return { ...config, optim: { ...config.optim, segmenter: system } }
}

/** Declares the tests of trainings that diverge, on a runtime that is opened by the time they run. */
export function testDiverging(open: () => Runtime): void {
  /** What a training tells before it fails, and how it fails. */
  async function failureOf(config: TrainingConfig): Promise<{ kinds: string[]; error: unknown }> {
    const told: TrainingEvent[] = []
    try {
      for await (const event of train(open(), config, twoSites())) told.push(event)
    } catch (error) {
      return { kinds: told.map(({ kind }) => kind), error }
    }
    return { kinds: told.map(({ kind }) => kind), error: undefined }
  }

  describe('a training that diverges', () => {
    it('stops at the first loss that is not finite, and writes no checkpoint', async () => {
      const { kinds, error } = await failureOf(diverging(1e38, 4))
      expect(error).toBeInstanceOf(ConfigError)
      expect((error as Error).message).toMatch(/^loss\.\w+ became (NaN|-?Infinity) in iteration 1 of epoch 0/)
      expect(kinds).toEqual(['ready', 'step'])
    })

    it('stops before a checkpoint when its last step broke the weights, whose loss nobody sees', async () => {
      const { kinds, error } = await failureOf(diverging(1e38, 1))
      expect(error).toBeInstanceOf(ConfigError)
      expect((error as Error).message).toMatch(/^segmenter\.\S+ is not finite any more/)
      expect(kinds).not.toContain('checkpoint')
    })
  })
}
