import { byteLength } from '../graph/spec.ts'
import { collect, inputOp, type Tensor } from '../graph/tensor.ts'
import { splitUpsampledConvolutions } from '../ops/upconv3d/split.ts'
import type { Runtime } from '../runtime/runtime.ts'

/** Bytes of the largest tensor that a plan for some tensors holds: no smaller binding will do. */
export function largestBytes(roots: readonly Tensor[]): number {
  const became = splitUpsampledConvolutions.apply(roots)
  const held = collect(roots.map((root) => became.get(root)!))
  return held.reduce((largest, { spec }) => Math.max(largest, byteLength(spec)), 0)
}

/** Bytes of the largest tensor that a device can hold. */
export function tensorRoom({ capabilities }: Runtime): number {
  const { maxStorageBufferBindingSize, maxBufferSize } = capabilities.limits
  return Math.min(maxStorageBufferBindingSize, maxBufferSize)
}

/** Names of the inputs that a plan for some tensors must be fed. */
export function inputNames(roots: readonly Tensor[]): ReadonlySet<string> {
  const inputs = collect(roots).filter(({ op }) => (op as unknown) === inputOp)
  return new Set(inputs.map(({ label }) => label!))
}
