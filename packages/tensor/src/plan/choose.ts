import { PlanError } from '../errors.ts'
import { describeSpec } from '../graph/spec.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Kernel } from '../op.ts'
import type { Capabilities } from '../runtime/capabilities.ts'

/** Kernel names by op name, for tests and benches that want a certain kernel. */
export type KernelChoice = Readonly<Record<string, string>>

/** The kernel for a node: the one asked for, else the first of its op that fits the device and the shapes. */
export function chooseKernel(
  tensor: Tensor,
  device: Capabilities,
  choice: KernelChoice,
  plan: string,
): Kernel<unknown> {
  const specs = tensor.inputs.map((input) => input.spec)
  const fits = (kernel: Kernel<unknown>) => kernel.fits?.(device, specs, tensor.spec, tensor.params) ?? true
  const wanted = choice[tensor.op.name]
  const kernel = wanted
    ? tensor.op.kernels.find(({ name }) => name === wanted)
    : tensor.op.kernels.find((candidate) => fits(candidate))
  if (!kernel || !fits(kernel)) {
    throw new PlanError(plan, `no kernel${wanted ? ` "${wanted}"` : ''} of ${tensor.op.name} fits`, {
      operands: specs.map(describeSpec),
    })
  }
  return kernel
}
