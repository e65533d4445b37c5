import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { arenaToTensors, initialArena, writeSafetensors } from '@voxnorm/autograd'
import { fitIntensityReference } from '@voxnorm/data'
import { listNetworks, type ModelConfig, makeNetworks } from '@voxnorm/models'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readModel } from '../src/node/model-file.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'voxnorm-model-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('readModel', () => {
  const config: ModelConfig = {
    modalities: ['T1w'],
    sites: ['a', 'b'],
    classes: ['BG', 'CSF', 'GM', 'WM'],
    base: 2,
    padding: 'replicate',
    activation: 'relu',
    generatorOutput: 'sigmoid',
    scaling: 'max',
    patch: 16,
    voxelSize: 1,
    discriminator: { base: 2, dropout: 0.25 },
  }
  const [segmenter] = listNetworks(makeNetworks(config, ['segmenter']))
  const tensors = new Map([
    ...arenaToTensors(initialArena(segmenter!.parameterArena, segmenter!.trained, 3), segmenter!.trained),
    ...arenaToTensors(
      initialArena(segmenter!.statisticsArena, segmenter!.statistics, 3),
      segmenter!.statistics,
    ),
  ])
  const save = (file: string, metadata: Record<string, string>) => {
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, writeSafetensors({ metadata, tensors }))
  }
  const good = { format: 'voxnorm', version: '1', config: JSON.stringify(config) }

  it('takes a file, a model folder, and the best checkpoint of a run folder', () => {
    const run = path.join(folder, 'run')
    save(path.join(run, 'checkpoints', 'latest.safetensors'), good)
    expect(readModel(run).file).toBe(path.join(run, 'checkpoints', 'latest.safetensors'))
    save(path.join(run, 'checkpoints', 'best.safetensors'), good)
    save(path.join(run, 'model', 'model.safetensors'), good)
    expect(readModel(run).file).toBe(path.join(run, 'checkpoints', 'best.safetensors'))
    expect(readModel(path.join(run, 'model')).config).toMatchObject(config)
    expect(readModel(path.join(run, 'checkpoints', 'best.safetensors')).sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  it('wants the standard scale of a model that was trained on one', () => {
    const standardScale = [Array.from({ length: 11 }, (_, landmark) => landmark / 10)]
    const file = path.join(folder, 'standard.safetensors')
    const saveConfig = (own: object) => save(file, { ...good, config: JSON.stringify({ ...config, ...own }) })
    saveConfig({ scaling: 'nyul', standardScale })
    expect(readModel(file).config).toMatchObject({ scaling: 'nyul', standardScale })
    saveConfig({ scaling: 'white-stripe' })
    expect(readModel(file).config.scaling).toBe('white-stripe')
    for (const broken of [{}, { standardScale: [] }, { standardScale: [[1, 2]] }]) {
      saveConfig({ scaling: 'nyul', ...broken })
      expect(() => readModel(file)).toThrow('no proper "standardScale"')
    }
  })

  it('finds what the training scans look like: in the model, and for a checkpoint in the model of its run', () => {
    const features = Array.from({ length: 6 }, (_, scan) => [scan, scan % 3, (scan * scan) % 5])
    const reference = fitIntensityReference(features, ['a', 'b', 'a', 'b', 'a', 'b'])
    const run = path.join(folder, 'knowing')
    save(path.join(run, 'checkpoints', 'best.safetensors'), good)
    expect(readModel(run).intensityReference).toBeUndefined()
    const text = JSON.stringify(reference)
    save(path.join(run, 'model', 'model.safetensors'), { ...good, intensityReference: text })
    writeFileSync(path.join(run, 'model', 'model.json'), JSON.stringify({ intensityReference: reference }))
    expect(readModel(path.join(run, 'model')).intensityReference).toEqual(reference)
    expect(readModel(run).file).toContain('checkpoints')
    expect(readModel(run).intensityReference).toEqual(reference)
    save(path.join(run, 'model', 'model.safetensors'), { ...good, intensityReference: '{"mean":"none"}' })
    expect(() => readModel(path.join(run, 'model'))).toThrow(/intensityReference\) cannot be used/)
  })

  it('refuses weights that are not those that the folder describes', () => {
    const model = path.join(folder, 'described')
    save(path.join(model, 'model.safetensors'), good)
    const { sha256 } = readModel(model)
    writeFileSync(path.join(model, 'model.json'), JSON.stringify({ sha256 }))
    expect(readModel(model).sha256).toBe(sha256)
    save(path.join(model, 'model.safetensors'), { ...good, note: 'changed' })
    expect(() => readModel(model)).toThrow(/not the file that model\.json beside it describes/)
  })

  it('explains what is wrong with a model', () => {
    const attempt = (place: string) => {
      try {
        return readModel(place)
      } catch (error) {
        return error
      }
    }
    const at = (name: string) => path.join(folder, 'models', name)
    save(at('foreign'), { format: 'pt' })
    save(at('empty-config'), { ...good, config: '{}' })
    writeFileSync(at('cut'), readFileSync(at('foreign')).subarray(0, 20))
    mkdirSync(at('nothing'))
    expect(attempt(at('absent'))).toMatchObject({ kind: 'missing-input' })
    expect(attempt(at('nothing'))).toMatchObject({ kind: 'missing-input' })
    expect(attempt(at('cut'))).toMatchObject({ kind: 'data' })
    expect((attempt(at('foreign')) as Error).message).toContain('no voxnorm model')
    expect((attempt(at('empty-config')) as Error).message).toContain('no proper "modalities"')
  })
})
