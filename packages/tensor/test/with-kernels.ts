import { rewrite } from '../src/graph/rewrite.ts'
import { apply } from '../src/graph/tensor.ts'
import type { Kernel } from '../src/op.ts'
import type { Capabilities } from '../src/runtime/capabilities.ts'
import type { OpCase } from '../src/tuning/index.ts'

/** The case with other kernels for its op, wherever that stands in its graph. */
export function withKernels(opCase: OpCase, kernels: readonly Kernel<never>[]): OpCase {
  const op = { ...opCase.op, kernels }
  const build: OpCase['build'] = (inputs) => {
    const root = opCase.build(inputs)
    return rewrite([root], (tensor) =>
      tensor.op === (opCase.op as unknown) ? apply(op, tensor.inputs, tensor.params as never) : undefined,
    ).get(root)!
  }
  return { ...opCase, op, build }
}

/** The case as its kernels would compute it on another device: with the tiles and shares that they take there. */
export function asIfOn(device: Capabilities, opCase: OpCase): OpCase {
  const kernels = opCase.op.kernels.map(
    (kernel): Kernel<never> => ({
      ...kernel,
      program: (inputs, output, params) => kernel.program(inputs, output, params, device),
    }),
  )
  return withKernels(opCase, kernels)
}
