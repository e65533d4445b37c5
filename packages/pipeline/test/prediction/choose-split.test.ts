import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chooseSplit } from '../../src/node/choose-split.ts'
import type { PredictionInput } from '../../src/prediction/input.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-split-'))
  const rows = [
    ['s1', 'a', 'train'],
    ['s1', 'b', 'test'],
    ['s2', 'a', 'validation'],
    ['s3', 'a', 'test'],
  ].map(([participant_id, site, split]) => ({ participant_id, site, split, images: {} }))
  for (const run of ['run', 'torn']) {
    mkdirSync(path.join(folder, run, 'model'), { recursive: true })
    writeFileSync(path.join(folder, run, 'config.resolved.yaml'), 'preset: tiny\n')
  }
  writeFileSync(path.join(folder, 'run', 'dataset.json'), JSON.stringify({ rows }))
  writeFileSync(path.join(folder, 'torn', 'dataset.json'), '{"rows": [')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const input = (id: string, site: string, split = 'n/a'): PredictionInput => ({
  id,
  site,
  split,
  images: [`${id}.nii`],
  names: { folder: '', base: id, normalized: [], bids: false },
})
const chosen = (inputs: readonly PredictionInput[], wanted: string | undefined, model: string) =>
  chooseSplit(inputs, wanted, path.join(folder, model)).map(({ id, site, split }) => `${id} ${site} ${split}`)

describe('chooseSplit', () => {
  const plain = [input('s1', 'a'), input('s1', 'b'), input('s2', 'a'), input('s3', 'a'), input('new', 'a')]

  it('divides a data set without splits as the run of the model was divided', () => {
    expect(chosen(plain, 'test', 'run')).toEqual(['s1 b test', 's3 a test'])
    expect(chosen(plain, 'train', 'run/model')).toEqual(['s1 a train'])
    expect(chosen(plain, 'validation', 'run/model/model.safetensors')).toEqual(['s2 a validation'])
    expect(chosen(plain, 'all', 'run')).toHaveLength(5)
  })

  it('takes all of a data set without splits when nothing is asked for, and still knows who trained', () => {
    expect(chosen(plain, undefined, 'run')).toEqual([
      's1 a train',
      's1 b test',
      's2 a validation',
      's3 a test',
      'new a n/a',
    ])
    expect(chosen(plain, undefined, 'elsewhere.safetensors')).toHaveLength(5)
  })

  it('takes the test subjects of a data set with splits, or those that are asked for', () => {
    const split = [input('p', 'x', 'train'), input('q', 'x', 'test'), input('r', 'x')]
    expect(chosen(split, undefined, 'model.safetensors')).toEqual(['q x test', 'r x n/a'])
    expect(chosen(split, 'train', 'model.safetensors')).toEqual(['p x train'])
    // The run knows better than the table what the model was trained on.
    expect(chosen([input('s1', 'a', 'test')], 'train', 'run')).toEqual(['s1 a train'])
  })

  it('refuses a split that nobody has, and a record that cannot be read', () => {
    const attempt = (inputs: readonly PredictionInput[], wanted: string | undefined, model: string) => () =>
      chosen(inputs, wanted, model)
    expect(attempt([input('p', 'x')], 'test', 'm.safetensors')).toThrow(
      /neither the input nor the model says/,
    )
    expect(attempt([input('s1', 'a')], 'test', 'run')).toThrow(/no subject of the input has that split/)
    expect(attempt([input('p', 'x', 'train')], undefined, 'run')).toThrow(/no subject of it is marked test/)
    expect(attempt(plain, 'all', 'torn')).toThrow(expect.objectContaining({ kind: 'data' }))
  })
})
