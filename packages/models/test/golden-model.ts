import type { StoredTensor } from '@voxnorm/autograd'
import type { ModelConfig } from '@voxnorm/models'
import { type GoldenCase, goldenFile, goldenTensor } from '../../autograd/test/golden.ts'
import { paperModel } from './examples.ts'
import { channelsLast } from './golden-layout.ts'

/** The model that a golden case describes. */
export function modelOf({ config }: GoldenCase): ModelConfig {
  const named = (letter: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${letter}${index}`)
  return paperModel({
    modalities: named('m', config.in_channels),
    sites: named('s', config.n_domains),
    base: config.base,
    padding: config.padding,
    generatorOutput: config.g_activation,
    patch: config.patch,
    discriminator: { base: config.disc_base, dropout: config.disc_dropout, padding: config.disc_padding },
  })
}

/** The weights of a case: its files merged in order, later ones override. */
export const weightsOf = ({ weights }: GoldenCase): Map<string, StoredTensor> =>
  new Map(weights.files.flatMap((file: string) => [...goldenFile(file).tensors]))

/** Patches `indices` of a case's pool, as a trainer is fed them. */
export function batchOf(item: GoldenCase, indices: readonly number[]) {
  const { shape, values } = channelsLast(goldenTensor(item, item.inputs.x))
  const size = values.length / shape[0]!
  const labels = Uint32Array.from(goldenTensor(item, item.inputs.labels).values as never, Number)
  const domain = Uint32Array.from(goldenTensor(item, item.inputs.domain).values as never, Number)
  const voxels = labels.length / shape[0]!
  const patches = Float32Array.from(indices.flatMap((i) => [...values.subarray(i * size, (i + 1) * size)]))
  return {
    patches,
    clean: patches,
    labels: Uint32Array.from(indices.flatMap((i) => [...labels.subarray(i * voxels, (i + 1) * voxels)])),
    sites: Uint32Array.from(indices, (i) => domain[i]!),
  }
}

/** The adversarial term in the words of this project. */
export const adversarialOf = ({ trainer }: GoldenCase) =>
  trainer.adversarial === 'nonsaturating' ? ('non-saturating' as const) : ('minimax' as const)

/** Loss settings of a case. */
export const lossOf = (item: GoldenCase) => ({
  lambda: item.trainer.lam as number,
  classWeights: { BG: 0.22, CSF: 0.3, GM: 0.2, WM: 0.28 },
  adversarial: adversarialOf(item),
})
