import { type Arena, elements, sameShape, sliceOf } from '@voxnorm/tensor'
import { fromFile, toFile } from './layout.ts'
import type { BoundParameter } from './module.ts'
import { SafetensorsError, type StoredTensor } from './safetensors.ts'

/**
 * The values of an arena as tensors for a file, in the file's layouts. `words` is a copy of the parameters' own arena
 * or of any other of the same layout (gradients, moments); `prefix` comes before the names to tell them apart.
 */
export function arenaToTensors(
  words: Float32Array,
  parameters: readonly BoundParameter[],
  prefix = '',
): Map<string, StoredTensor> {
  return new Map(
    parameters.map(({ name, variable, layout }) => [
      `${prefix}${name}`,
      { shape: layout.shape, values: toFile(sliceOf(words, variable), layout) },
    ]),
  )
}

/**
 * The words of an arena, put together from the tensors of a file: the inverse of `arenaToTensors`. Other tensors of
 * the file are left alone. Throws SafetensorsError for a tensor that is missing, of another shape or not float32.
 */
export function tensorsToArena(
  tensors: ReadonlyMap<string, StoredTensor>,
  arena: Arena,
  parameters: readonly BoundParameter[],
  prefix = '',
): Float32Array {
  const words = new Float32Array(arena.words)
  for (const { name, variable, layout } of parameters) {
    const key = `${prefix}${name}`
    const stored = tensors.get(key)
    if (!stored) throw new SafetensorsError('is missing', key)
    if (!(stored.values instanceof Float32Array)) throw new SafetensorsError('must be of type F32', key)
    if (!sameShape(stored.shape, layout.shape) || stored.values.length !== elements(layout.shape)) {
      const expected = `[${layout.shape.join(',')}]`
      throw new SafetensorsError(
        `has the shape [${stored.shape.join(',')}], this network has ${expected}`,
        key,
      )
    }
    words.set(fromFile(stored.values, layout), variable.offset)
  }
  return words
}
