import { PlanError } from '../errors.ts'
import { describeSpec } from '../graph/spec.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Kernel, Variant } from '../op.ts'
import type { Capabilities } from '../runtime/capabilities.ts'

/**
 * Ways by op name, for tests and benches that want a certain one. A way to compute an op is the name of a kernel, or
 * `kernel/variant`.
 */
export type KernelChoice = Readonly<Record<string, string>>

/** The way that a measurement found best for a tensor, or undefined where none was made. */
export type TunedKernels = (tensor: Tensor) => string | undefined

/** Name of the kernel of a way. */
export const kernelOf = (way: string): string => way.split('/')[0]!

/**
 * The kernel for a node: the one asked for if it fits the device and the shapes; else the first of its op that fits and
 * suits them; else the last that fits, which is the most general one. A kernel that was asked for with a variant has the
 * program of the variant.
 */
export function chooseKernel(
  tensor: Tensor,
  device: Capabilities,
  choice: KernelChoice,
  plan: string,
): Kernel<unknown> {
  const specs = tensor.inputs.map((input) => input.spec)
  const suits = (kernel: Kernel<unknown>) => kernel.suits?.(device, specs, tensor.spec, tensor.params) ?? true
  const wanted = choice[tensor.op.name]
  const fitting = fittingKernels(tensor, device)
  const kernel = wanted
    ? wayNamed(wanted, fitting, tensor, device)
    : (fitting.find((candidate) => suits(candidate)) ?? fitting.at(-1))
  if (!kernel) {
    throw new PlanError(plan, `no kernel${wanted ? ` "${wanted}"` : ''} of ${tensor.op.name} fits`, {
      operands: specs.map(describeSpec),
    })
  }
  return kernel
}

/** All ways to compute a node on a device: the kernels in their order, so the plain one last, each before its variants. */
export const waysOf = (tensor: Tensor, device: Capabilities): readonly string[] =>
  fittingKernels(tensor, device).flatMap((kernel) => [
    kernel.name,
    ...variantsOf(kernel, tensor, device).map(({ name }) => `${kernel.name}/${name}`),
  ])

function fittingKernels({ op, inputs, spec, params }: Tensor, device: Capabilities): Kernel<unknown>[] {
  const specs = inputs.map((input) => input.spec)
  return op.kernels.filter((kernel) => kernel.fits?.(device, specs, spec, params) ?? true)
}

function variantsOf(
  kernel: Kernel<unknown>,
  { inputs, spec, params }: Tensor,
  device: Capabilities,
): readonly Variant[] {
  const specs = inputs.map((input) => input.spec)
  return kernel.variants?.(specs, spec, params, device) ?? []
}

function wayNamed(
  way: string,
  kernels: readonly Kernel<unknown>[],
  tensor: Tensor,
  device: Capabilities,
): Kernel<unknown> | undefined {
  const kernel = kernels.find(({ name }) => name === kernelOf(way))
  if (!kernel || kernel.name === way) return kernel
  const variant = variantsOf(kernel, tensor, device).find(({ name }) => `${kernel.name}/${name}` === way)
  return variant && { ...kernel, name: way, program: () => variant.program() }
}
