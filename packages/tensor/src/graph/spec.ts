import { ShapeError } from '../errors.ts'

/**
 * Element types on the GPU: `f32` for values, `f16` for values that are stored in half precision and computed with in
 * f32, `u32` for class indices, seeds and counters.
 */
export type DType = 'f32' | 'f16' | 'u32'

/** What is known of a tensor before it has values. Activations are always `[N, D, H, W, C]`. */
export interface Spec {
  readonly shape: readonly number[]
  readonly dtype: DType
}

/** A float32 spec of the given shape. */
export const f32 = (...shape: number[]): Spec => ({ shape, dtype: 'f32' })

/** A float16 spec of the given shape. */
export const f16 = (...shape: number[]): Spec => ({ shape, dtype: 'f16' })

/** A uint32 spec of the given shape. */
export const u32 = (...shape: number[]): Spec => ({ shape, dtype: 'u32' })

/** Whether all values are what a u32 tensor can hold. */
export const isIntegers = (values: ArrayLike<number>): boolean =>
  values instanceof Uint32Array || Array.prototype.every.call(values, (value) => value === value >>> 0)

/** Number of elements of a shape; 1 for the scalar shape `[]`. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Bytes of a tensor's memory: whole words, so that an odd number of halves is followed by one that nobody reads. */
export function byteLength({ shape, dtype }: Spec): number {
  return dtype === 'f16' ? 4 * Math.ceil(elements(shape) / 2) : 4 * elements(shape)
}

/** Row-major strides of a shape, in elements. */
export function strides(shape: readonly number[]): number[] {
  const result = new Array<number>(shape.length)
  let stride = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    result[axis] = stride
    stride *= shape[axis]!
  }
  return result
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}

/** `f32[1,16,16,16,32]`, as it stands in plans and error messages. */
export function describeSpec(spec: Spec): string {
  return `${spec.dtype}[${spec.shape.join(',')}]`
}

/**
 * The shape of two operands broadcast against each other, NumPy's rule: aligned at the last axis,
 * a size of 1 stretches.
 */
export function broadcastShapes(op: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  const result: number[] = []
  for (let axis = 0; axis < rank; axis++) {
    const sizeA = a[axis - rank + a.length] ?? 1
    const sizeB = b[axis - rank + b.length] ?? 1
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new ShapeError(op, `cannot broadcast [${a.join(',')}] with [${b.join(',')}]`, {
        fix: `axis ${axis - rank} has sizes ${sizeA} and ${sizeB}; they must agree or one must be 1`,
      })
    }
    result.push(Math.max(sizeA, sizeB) * (sizeA === 0 || sizeB === 0 ? 0 : 1))
  }
  return result
}
