import { ConfigError } from '@voxnorm/data'
import { PRESETS } from '@voxnorm/pipeline/training'
import { describe, expect, it } from 'vitest'
import { runsOf } from '../src/experiments.ts'
import { type Budget, readBudget, settingsOfRun, withIterations } from '../src/scale.ts'
import { STUDY } from './examples.ts'

describe('the budget', () => {
  it('is a length of time, or full for no end', () => {
    expect(readBudget('20m')).toBe(1200)
    expect(readBudget('1h30m')).toBe(5400)
    expect(readBudget('full')).toBe(Number.POSITIVE_INFINITY)
    for (const word of ['none', 'soon', '0s', '20']) expect(() => readBudget(word)).toThrow(ConfigError)
  })
})

describe('iterations', () => {
  it('are spread over ten epochs whose last ones have lower rates', () => {
    const { train, optim } = withIterations(PRESETS.tiny, 237)
    expect([train.epochs, train.iterationsPerEpoch]).toEqual([10, 24])
    expect(optim.generator.milestones).toEqual([6, 8])
    expect(optim.segmenter.milestones).toEqual([6, 8])
    expect(train.warmup).toBe(Math.round(0.24 * 240))
  })

  it('have no warm-up where the preset has none', () => {
    expect(withIterations(PRESETS.paper, 500).train.warmup).toBe(0)
  })

  it('are those of the paper in a full reproduction: fewer epochs with three sites', () => {
    const budget: Budget = {
      scale: { name: 'paper', config: PRESETS.paper, lambdaFactor: 1, testSubjects: 9, probePatches: 9 },
      iterations: undefined,
      secondsPerIteration: {},
    }
    const epochs = runsOf('table3', STUDY).map((run) => [
      run.sites.length,
      settingsOfRun(run, budget).train.epochs,
    ])
    expect(new Set(epochs.map(String))).toEqual(new Set(['2,120', '3,70']))
  })
})
