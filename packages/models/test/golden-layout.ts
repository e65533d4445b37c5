import type { StoredTensor } from '@voxnorm/autograd'

/** A stored tensor `[N, C, …]` as the engine wants it: `[N, …, C]`. Vectors and matrices `[N, C]` stay as they are. */
export function channelsLast({ shape, values }: StoredTensor): { shape: number[]; values: Float32Array } {
  const [batch, channels, ...space] = shape as [number, number, ...number[]]
  const voxels = space.reduce((product, size) => product * size, 1)
  const result = new Float32Array(values.length)
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let v = 0; v < voxels; v++) {
        result[(n * voxels + v) * channels + c] = values[(n * channels + c) * voxels + v] as number
      }
    }
  }
  return { shape: [batch, ...space, channels], values: result }
}

/** The inverse: values of the shape `[N, …, C]` in the order `[N, C, …]`. */
export function channelsFirst(values: Float32Array, shape: readonly number[]): Float32Array {
  const batch = shape[0]!
  const channels = shape.at(-1)!
  const voxels = values.length / batch / channels
  const result = new Float32Array(values.length)
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let v = 0; v < voxels; v++) {
        result[(n * channels + c) * voxels + v] = values[(n * voxels + v) * channels + c]!
      }
    }
  }
  return result
}
