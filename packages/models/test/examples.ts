import type { ModelConfig } from '@voxnorm/models'

/** The model of the paper with two sites, changed where a test says so. */
export const paperModel = (changes: Partial<ModelConfig> = {}): ModelConfig => ({
  modalities: ['T1w'],
  sites: ['a', 'b'],
  classes: ['BG', 'CSF', 'GM', 'WM'],
  base: 32,
  padding: 'replicate',
  activation: 'relu',
  generatorOutput: 'sigmoid',
  scaling: 'max',
  patch: 32,
  discriminator: { base: 16, dropout: 0.25 },
  ...changes,
})
