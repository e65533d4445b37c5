import { ConfigError } from '@voxnorm/data'
import { configSchema, PRESETS } from '@voxnorm/pipeline/training'
import { describe, expect, it } from 'vitest'
import {
  assertSettable,
  configOfRun,
  distinctRuns,
  EXPERIMENTS,
  keyOf,
  readExperiments,
  reasonAgainst,
  runsOf,
  testedSites,
} from '../src/experiments.ts'
import { STUDY } from './examples.ts'

const keysOf = (...names: Parameters<typeof runsOf>[0][]) =>
  distinctRuns(names.flatMap((name) => runsOf(name, STUDY))).map(keyOf)

describe('reading', () => {
  it('takes names in any order, and all for everything', () => {
    expect(readExperiments(['table7', 'table2'])).toEqual(['table2', 'table7'])
    expect(readExperiments(['table3', 'all'])).toEqual(EXPERIMENTS)
  })

  it('names the known experiments for an unknown one', () => {
    expect(() => readExperiments(['table8'])).toThrow(ConfigError)
    expect(() => readExperiments(['table8'])).toThrow('there is no experiment "table8"')
  })
})

describe('runs', () => {
  it('are those of the paper', () => {
    expect(keysOf('table2')).toEqual(['baseline_a_seed-7', 'baseline_b_seed-7', 'baseline_c_seed-7'])
    expect(keysOf('table7')).toEqual([
      'ours_a+b_lambda-0.1_seed-7',
      'ours_a+b_seed-7',
      'ours_a+b_lambda-5_seed-7',
    ])
    expect(keysOf('table6')).toEqual(['ours_a+b_bias-field_seed-7'])
    expect(keysOf('table5')).toEqual(['ours_a+b_seed-7', 'ours_a+b_T1w+T2w_seed-7'])
  })

  it('are shared between experiments', () => {
    const separate = EXPERIMENTS.flatMap((name) => runsOf(name, STUDY))
    const shared = distinctRuns(separate)
    expect(shared.length).toBeLessThan(separate.length)
    // Table 4 needs nothing that Table 3 has not trained.
    expect(keysOf('table3', 'table4')).toEqual(keysOf('table3'))
    expect(new Set(shared.map(keyOf)).size).toBe(shared.length)
  })

  it('leave one site out with the method of the paper where two sites remain, else without discriminator', () => {
    expect(keysOf('trust')).toEqual([
      'ours_a+b+c_seed-7',
      'ours_b+c_seed-7',
      'ours_a+c_seed-7',
      'ours_a+b_seed-7',
    ])
    const pair = { ...STUDY, sites: ['a', 'b'] }
    expect(runsOf('trust', pair).map(keyOf)).toEqual([
      'ours_a+b_seed-7',
      'preprocessor_b_seed-7',
      'preprocessor_a_seed-7',
    ])
  })

  it('repeat for every seed', () => {
    expect(runsOf('table6', { ...STUDY, seeds: [1, 2, 3] }).map(({ seed }) => seed)).toEqual([1, 2, 3])
  })

  it('are tested abroad where that says how well they transfer', () => {
    const [baseline] = runsOf('table2', STUDY)
    expect(testedSites(baseline!, STUDY)).toEqual(['a', 'b', 'c'])
    const [biased] = runsOf('table6', STUDY)
    expect(testedSites(biased!, STUDY)).toEqual(['a', 'b'])
    const heldOut = runsOf('trust', STUDY).at(-1)!
    expect(testedSites(heldOut, STUDY)).toEqual(['a', 'b', 'c'])
    const [weak] = runsOf('table7', STUDY)
    expect(testedSites(weak!, STUDY)).toEqual(['a', 'b'])
    const [standardization] = runsOf('table3', STUDY)
    expect(testedSites(standardization!, STUDY)).toEqual(['a', 'b'])
  })

  it('have names that can be folders', () => {
    const keyOfSite = (site: string) => keyOf(runsOf('table2', { ...STUDY, sites: [site, 'b'] })[0]!)
    expect(keyOfSite('St. Mary/ward 1')).toMatch(/^baseline_St\.-Mary-ward-1_seed-7_[\da-f]{8}$/)
    expect(keyOfSite('札幌')).not.toBe(keyOfSite('東京'))
    expect(keyOfSite('x'.repeat(300)).length).toBeLessThan(220)
  })

  it('have complete configs: the scale with the method, scaling and λ of the run', () => {
    for (const run of EXPERIMENTS.flatMap((name) => runsOf(name, STUDY))) {
      const config = configOfRun(run, PRESETS.tiny, 0.25)
      expect(configSchema.safeParse(config).success, keyOf(run)).toBe(true)
      expect(config.loss.lambda).toBe(run.lambda * 0.25)
      expect(config.seed).toBe(7)
    }
    const scalingOf = (approach: 'standardization' | 'nyul' | 'ours') => {
      const run = runsOf('table3', STUDY).find((one) => one.approach === approach)!
      const { data, train } = configOfRun(run, PRESETS.tiny, 1)
      return [train.method, data.scaling]
    }
    expect(scalingOf('standardization')).toEqual(['standardization', 'zscore'])
    expect(scalingOf('nyul')).toEqual(['baseline', 'nyul'])
    expect(scalingOf('ours')).toEqual(['adversarial', 'max'])
  })
})

it('refuses settings that the experiments decide, and takes the others', () => {
  assertSettable(['model.base=8', 'data.patch=16', 'loss.classWeights.BG=0.3'])
  for (const word of ['loss.lambda=3', 'seed=1', 'augment.biasField.probability=1', 'data.labels=paper'])
    expect(() => assertSettable([word])).toThrow(ConfigError)
})

it('says why Table 5 cannot be chosen with a single modality', () => {
  expect(reasonAgainst('table5', STUDY)).toBeUndefined()
  expect(reasonAgainst('table5', { ...STUDY, modalities: ['T1w'] })).toContain('only T1w exists')
})
