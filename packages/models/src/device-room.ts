import { byteLength, type Runtime, type Tensor } from '@voxnorm/tensor'

/** Everything that tensors are made from, themselves included. */
export function ancestors(roots: readonly Tensor[]): ReadonlySet<Tensor> {
  const found = new Set(roots)
  // A set may grow while it is iterated; the loop then visits what was added.
  for (const tensor of found) {
    for (const input of tensor.inputs) found.add(input)
  }
  return found
}

/** Bytes of the largest tensor of a graph: no smaller binding can hold it. */
export function largestBytes(roots: readonly Tensor[]): number {
  let largest = 0
  for (const { spec } of ancestors(roots)) largest = Math.max(largest, byteLength(spec))
  return largest
}

/** Bytes of the largest tensor that a device can hold. */
export function tensorRoom({ capabilities }: Runtime): number {
  const { maxStorageBufferBindingSize, maxBufferSize } = capabilities.limits
  return Math.min(maxStorageBufferBindingSize, maxBufferSize)
}
