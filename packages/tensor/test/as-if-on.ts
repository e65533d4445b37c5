import { apply } from '../src/graph/tensor.ts'
import type { Kernel } from '../src/op.ts'
import type { Capabilities } from '../src/runtime/capabilities.ts'
import type { OpCase } from '../src/testing/index.ts'

/** A case whose result is its op's own, computed as its kernels would on another device: with its tiles and shares. */
export function asIfOn(device: Capabilities, opCase: OpCase): OpCase {
  const kernels = opCase.op.kernels.map(
    (kernel): Kernel<never> => ({
      ...kernel,
      program: (inputs, output, params) => kernel.program(inputs, output, params, device),
    }),
  )
  const op = { ...opCase.op, kernels }
  return { ...opCase, op, build: (inputs) => apply(op, inputs, opCase.build(inputs).params as never) }
}
