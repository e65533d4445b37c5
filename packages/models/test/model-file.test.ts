import { type StoredTensor, writeSafetensors } from '@voxnorm/autograd'
import { DataError, fitIntensityReference } from '@voxnorm/data'
import { modelMetadata, readModel, writeModel } from '@voxnorm/models'
import { describe, expect, it } from 'vitest'
import { randomModel } from './examples.ts'

const model = randomModel()
const { config, tensors } = model
const changed = (change: (tensors: Map<string, StoredTensor>) => void, metadata = modelMetadata(config)) => {
  const copy = new Map(tensors)
  change(copy)
  return writeSafetensors({ metadata, tensors: copy })
}
const withConfig = (text: string) => changed(() => {}, { ...modelMetadata(config), config: text })

describe('a model file', () => {
  it('comes back as it was, from equal bytes', () => {
    const bytes = writeModel(model)
    expect(readModel(bytes)).toEqual(model)
    expect(Buffer.compare(bytes, writeModel(readModel(bytes)))).toBe(0)
  })

  it('says what it is in its metadata', () => {
    const { format, version, config: text } = modelMetadata(config)
    expect([format, version]).toEqual(['voxnorm', '1'])
    expect(JSON.parse(text!)).toMatchObject({
      modalities: ['T1w'],
      sites: ['a', 'b'],
      classes: ['BG', 'CSF', 'GM', 'WM'],
      base: 2,
      padding: 'replicate',
      activation: 'relu',
      generatorOutput: 'sigmoid',
      scaling: 'max',
      patch: 16,
    })
  })

  it('carries the standard scale that its images need', () => {
    const standardScale = [Array.from({ length: 11 }, (_, landmark) => landmark / 10)]
    const own = { ...config, scaling: 'nyul' as const, standardScale }
    expect(readModel(writeModel({ config: own, tensors })).config).toEqual(own)
    for (const broken of [undefined, [], [[1, 2]], [...standardScale, ...standardScale]]) {
      const bytes = withConfig(JSON.stringify({ ...own, standardScale: broken }))
      expect(() => readModel(bytes)).toThrow(
        '"standardScale": it must be a list of 11 numbers for each modality',
      )
    }
  })

  it('may have a segmenter alone, and need not speak of its discriminator', () => {
    const alone = randomModel(['segmenter'])
    expect(readModel(writeModel(alone)).names).toEqual(['segmenter'])
    const { discriminator: _discriminator, ...rest } = config
    const read = readModel(withConfig(JSON.stringify(rest)))
    expect(read.config.discriminator).toEqual({ base: 2, dropout: 0.25 })
    expect(read.names).toContain('discriminator')
  })

  it('is for voxels of 1 mm unless it says otherwise, and keeps what it says of its training', () => {
    const { voxelSize: _voxelSize, ...rest } = config
    expect(readModel(withConfig(JSON.stringify(rest))).config.voxelSize).toBe(1)
    const own = { ...config, voxelSize: 2, labels: ['iseg', 'bids'] as const }
    expect(readModel(withConfig(JSON.stringify(own))).config).toEqual(own)
    const features = Array.from({ length: 6 }, (_, scan) => [scan, scan % 3, (scan * scan) % 5])
    const intensityReference = fitIntensityReference(features, ['a', 'b', 'a', 'b', 'a', 'b'])
    const metadata = { ...modelMetadata(config), intensityReference: JSON.stringify(intensityReference) }
    expect(readModel(changed(() => {}, metadata)).intensityReference).toEqual(intensityReference)
    expect(readModel(writeModel(model)).intensityReference).toBeUndefined()
  })

  const name = 'segmenter.enc1.conv0.weight'
  it.each([
    [
      'a missing tensor',
      changed((t) => t.delete(name)),
      `no tensor "${name}", which should be float32 [2, 1, 3, 3, 3]`,
    ],
    [
      'another shape',
      changed((t) => t.set(name, { shape: [54], values: new Float32Array(54) })),
      `"${name}" is float32 [54] but should be float32 [2, 1, 3, 3, 3]`,
    ],
    [
      'another type',
      changed((t) => t.set(name, { shape: [2, 1, 3, 3, 3], values: new Float64Array(54) })),
      'is Float64Array [2, 1, 3, 3, 3] but should be float32',
    ],
    [
      'values that are no numbers',
      changed((t) => t.set(name, { shape: [2, 1, 3, 3, 3], values: new Float32Array(54).fill(Number.NaN) })),
      `"${name}" holds values that are not finite`,
    ],
    [
      'a stranger',
      changed((t) => t.set('extra', { shape: [1], values: new Float32Array(1) })),
      'a tensor "extra" that none of its networks knows',
    ],
    [
      'no segmenter',
      changed((t) => {
        for (const key of [...t.keys()]) if (key.startsWith('segmenter.')) t.delete(key)
      }),
      'no tensor "segmenter.',
    ],
    ['no metadata', changed(() => {}, {}), 'no voxnorm model'],
    ['another version', changed(() => {}, { ...modelMetadata(config), version: '2' }), 'version 2'],
    ['a config that is no JSON', withConfig('{'), 'cannot be read'],
    ['a config without sites', withConfig(JSON.stringify({ ...config, sites: [] })), 'no proper "sites"'],
    [
      'a config with nonsense',
      withConfig(JSON.stringify({ ...config, padding: 'mirror' })),
      'replicate, zero',
    ],
    [
      'classes that it does not write',
      withConfig(JSON.stringify({ ...config, classes: ['background', 'liquor', 'grey', 'white'] })),
      'no proper "classes": it must be the list BG, CSF, GM, WM',
    ],
    [
      'a voxel size below 0',
      withConfig(JSON.stringify({ ...config, voxelSize: -3 })),
      'no proper "voxelSize"',
    ],
    [
      'a voxel size in words',
      withConfig(JSON.stringify({ ...config, voxelSize: '1 mm' })),
      'no proper "voxelSize"',
    ],
    [
      'a discriminator without channels',
      withConfig(JSON.stringify({ ...config, discriminator: { base: 0 } })),
      'no proper "discriminator"',
    ],
    [
      'nonsense about its training scans',
      changed(() => {}, { ...modelMetadata(config), intensityReference: '{"mean":"none"}' }),
      '(intensityReference) cannot be used',
    ],
    ['bytes that are no file', new Uint8Array([1, 2, 3]), 'cannot be read'],
  ])('is refused with %s', (_, bytes, message) => {
    const read = () => readModel(bytes, 'm.safetensors')
    expect(read).toThrow(DataError)
    expect(read).toThrow(message)
    expect(read).toThrow('m.safetensors: ')
  })
})
