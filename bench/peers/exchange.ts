import { readFileSync, writeFileSync } from 'node:fs'

/** A tensor as peers exchange it: activations `[N,D,H,W,C]`, weights of convolutions `[K,K,K,I,O]`, row-major. */
export interface Exchanged {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

export type Tensors = Readonly<Record<string, Exchanged>>

/** Where each tensor begins in a file of float32 words. */
export type Index = Readonly<Record<string, { readonly shape: readonly number[]; readonly offset: number }>>

/** Writes tensors one after another into one file of little-endian float32. */
export function writeTensors(file: string, tensors: Tensors): Index {
  const index: Record<string, { shape: readonly number[]; offset: number }> = {}
  let words = 0
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    index[name] = { shape, offset: words }
    words += values.length
  }
  const all = new Float32Array(words)
  for (const [name, { values }] of Object.entries(tensors)) all.set(values, index[name]!.offset)
  writeFileSync(file, new Uint8Array(all.buffer))
  return index
}

/** Reads back what `writeTensors` wrote. */
export function readTensors(file: string, index: Index): Tensors {
  const bytes = readFileSync(file)
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
  return Object.fromEntries(
    Object.entries(index).map(([name, { shape, offset }]) => {
      const length = shape.reduce((product, size) => product * size, 1)
      return [name, { shape, values: all.slice(offset, offset + length) }]
    }),
  )
}

/**
 * The largest error of all tensors that the truth names, each relative to the largest magnitude of its truth.
 * Infinity where a tensor is missing, has another size, or holds something that is no number.
 */
export function largestError(got: Tensors, truth: Readonly<Record<string, ArrayLike<number>>>): number {
  let largest = 0
  for (const [name, expected] of Object.entries(truth)) {
    const values = got[name]?.values
    if (values?.length !== expected.length) return Number.POSITIVE_INFINITY
    let [error, scale] = [0, 0]
    for (let index = 0; index < expected.length; index++) {
      const difference = Math.abs(values[index]! - expected[index]!)
      if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY
      error = Math.max(error, difference)
      scale = Math.max(scale, Math.abs(expected[index]!))
    }
    largest = Math.max(largest, error / (scale || 1))
  }
  return largest
}
