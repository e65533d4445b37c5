import type { Spec } from './graph/spec.ts'
import type { Tensor } from './graph/tensor.ts'
import type { Capabilities } from './runtime/capabilities.ts'

/**
 * The one place where an operation is defined. An op is a plain value: it knows its shapes, its truth in
 * float64, its gradient written in other ops, and the kernels that compute it. It knows no device.
 */
export interface Op<P = unknown> {
  readonly name: string
  /** Indices of the inputs that may be u32, or `all`; absent means none: a kernel would take their bits for floats. */
  readonly integers?: readonly number[] | 'all'
  /** Shape and dtype rule. Throws ShapeError when the inputs do not fit. */
  infer(inputs: readonly Spec[], params: P): Spec
  /** The oracle: obvious loops in float64. `inputs` are row-major values of the given specs. */
  reference(inputs: readonly Float64Array[], params: P, specs: readonly Spec[], output: Spec): Float64Array
  /**
   * Gradients with respect to each input, given the cotangent `ct` of the output: one thunk per input, so that
   * only gradients on a path to a target are ever built; `null` where the op is constant in that input.
   * Absent for ops that end a chain of derivatives.
   */
  vjp?(ct: Tensor, inputs: readonly Tensor[], output: Tensor, params: P): readonly ((() => Tensor) | null)[]
  /**
   * Whether kernels of the op can normalise the first input as they load it, so that batch norm needs no pass of its own
   * in front of it: see `Fusion`.
   */
  readonly normalizesOnLoad?: true
  /** Whether kernels of the op can leave the moments of their result aside: see `Fusion`. */
  readonly leavesMoments?: true
  /**
   * The result is a by-product of the node that is the first input: that node's program leaves it in the slot `aside`.
   * Such an op has no kernels.
   */
  readonly aside?: true
  /** In order of preference; `chooseKernel` has the rule. */
  readonly kernels: readonly Kernel<P>[]
}

/** One way to compute an op on a device. */
export interface Kernel<P = unknown> {
  readonly name: string
  /** Whether the kernel computes the right thing on this device for these shapes; absent means always. */
  fits?(device: Capabilities, inputs: readonly Spec[], output: Spec, params: P): boolean
  /** Whether it is also a fast way where it fits; absent means always. Tests run it even where it is not. */
  suits?(device: Capabilities, inputs: readonly Spec[], output: Spec, params: P): boolean
  /** The relative error that it may have besides those of sums in f32, where its arithmetic is coarser. */
  readonly tolerance?: number
  /** The dispatches that compute the output, with tunables chosen by a rule from the shapes and the device alone. */
  program(inputs: readonly Spec[], output: Spec, params: P, device: Capabilities): Program
  /**
   * Other values of the tunables that are worth a measurement, the most promising first: two dozen at most, all of which
   * keep to the device's limits. They compute the same, but may add up in another order.
   */
  variants?(inputs: readonly Spec[], output: Spec, params: P, device: Capabilities): readonly Variant[]
  /** Nominal floating-point operations of one execution, a multiply-add counted as two. */
  cost?(inputs: readonly Spec[], output: Spec, params: P): number
}

/** A kernel with certain values of its tunables. */
export interface Variant {
  /** The values in a word, such as `128x64-8x4-depth16-buffers2-shares1`. Tables know it by this name. */
  readonly name: string
  program(): Program
}

/** A few dispatches and the scratch space between them. */
export interface Program {
  /** Sizes of scratch buffers in 4-byte words. */
  readonly scratch?: readonly number[]
  readonly stages: readonly Stage[]
}

/**
 * Where a binding's memory comes from: `input2`, `output`, `scratch0`; `aside` is the result of a node that lies aside
 * (see `Op.aside`), and `unused` some memory for a writable binding that the kernel leaves alone.
 */
export type Slot = `input${number}` | 'output' | `scratch${number}` | 'aside' | 'unused'

/**
 * A kernel's text, or how to load it: `() => import('./some.wgsl')`, for kernels that many pages never need, such as those
 * of gradients. A plan loads what its kernels need.
 */
export type KernelText = string | (() => Promise<{ readonly default: string }>)

/** The text itself. */
export const textOf = async (source: KernelText): Promise<string> =>
  typeof source === 'string' ? source : (await source()).default

/** One dispatch of one WGSL entry point `main`. */
export interface Stage {
  /** WGSL text of a `.wgsl` file. */
  readonly source: KernelText
  /** The file's name, for profiles and errors. */
  readonly file: string
  /** New values for top-level `const` and `alias` lines of the source. */
  readonly constants?: Readonly<Record<string, number | string>>
  /** Memory for `@binding(0)`, `@binding(1)`, …; the uniform block, if any, is bound after them. */
  readonly bindings: readonly Slot[]
  /** The uniform block: first its u32 fields, then its f32 fields. */
  readonly uniforms?: { readonly u32?: readonly number[]; readonly f32?: readonly number[] }
  /** Workgroups along x, y, z. */
  readonly grid: readonly [number, number, number]
}

/**
 * A change of persistent state at the end of a plan: Adam, running statistics, gradient accumulation.
 * The inputs listed in `updates` are variables and are overwritten in place.
 */
export interface UpdateOp<P = unknown> {
  readonly name: string
  /** Indices of the inputs that the update overwrites. */
  readonly updates: readonly number[]
  /** Throws ShapeError when the inputs do not fit. */
  check(inputs: readonly Spec[], params: P): void
  /** New values of the overwritten inputs, in the order of `updates`. */
  reference(inputs: readonly Float64Array[], params: P): readonly Float64Array[]
  program(inputs: readonly Spec[], params: P): Program
}

/** Workgroups that WebGPU allows in each dimension of a grid. */
export const MOST_WORKGROUPS = 65_535

/** Workgroups for a one-dimensional job, folded into two dimensions where they are too many for one. */
export function linearGrid(invocations: number, workgroupSize: number): [number, number, number] {
  const workgroups = Math.max(1, Math.ceil(invocations / workgroupSize))
  if (workgroups <= MOST_WORKGROUPS) return [workgroups, 1, 1]
  const rows = Math.ceil(workgroups / MOST_WORKGROUPS)
  return [Math.ceil(workgroups / rows), rows, 1]
}

/**
 * How a kernel packs the last axis. It calls its elements `Value`, and counts rows in them: four neighbouring numbers
 * where the given lengths and offsets are multiples of four, which cost a software device little more than one. `bits` is
 * for kernels that look at the bits of their elements.
 */
export function packing(...lengths: readonly number[]): {
  readonly numbers: 1 | 4
  readonly constants: { readonly Value: 'f32' | 'vec4f' }
  readonly bits: { readonly Bits: 'u32' | 'vec4u' }
} {
  return lengths.every((length) => length % 4 === 0)
    ? { numbers: 4, constants: { Value: 'vec4f' }, bits: { Bits: 'vec4u' } }
    : { numbers: 1, constants: { Value: 'f32' }, bits: { Bits: 'u32' } }
}
