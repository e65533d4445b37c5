import { PlanError } from '../errors.ts'
import { describeSpec } from '../graph/spec.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Kernel } from '../op.ts'
import type { Capabilities } from '../runtime/capabilities.ts'

/** Kernel names by op name, for tests and benches that want a certain kernel. */
export type KernelChoice = Readonly<Record<string, string>>

/**
 * The kernel for a node: the one asked for if it fits the device and the shapes; else the first of its op that fits and
 * suits them; else the last that fits, which is the most general one.
 */
export function chooseKernel(
  tensor: Tensor,
  device: Capabilities,
  choice: KernelChoice,
  plan: string,
): Kernel<unknown> {
  const specs = tensor.inputs.map((input) => input.spec)
  const fits = (kernel: Kernel<unknown>) => kernel.fits?.(device, specs, tensor.spec, tensor.params) ?? true
  const suits = (kernel: Kernel<unknown>) => kernel.suits?.(device, specs, tensor.spec, tensor.params) ?? true
  const wanted = choice[tensor.op.name]
  const fitting = tensor.op.kernels.filter((kernel) => fits(kernel))
  const kernel = wanted
    ? fitting.find(({ name }) => name === wanted)
    : (fitting.find((candidate) => suits(candidate)) ?? fitting.at(-1))
  if (!kernel) {
    throw new PlanError(plan, `no kernel${wanted ? ` "${wanted}"` : ''} of ${tensor.op.name} fits`, {
      operands: specs.map(describeSpec),
    })
  }
  return kernel
}
