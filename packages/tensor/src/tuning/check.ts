import { KernelError } from '../errors.ts'
import { halfStep, roundToHalf } from '../graph/halves.ts'
import { type DType, f16 } from '../graph/spec.ts'
import { collect, input, type Tensor } from '../graph/tensor.ts'
import type { Kernel } from '../op.ts'
import type { InputCase, OpCase } from '../op-case.ts'
import { chooseKernel, kernelOf, waysOf } from '../plan/choose.ts'
import { compile } from '../plan/compile.ts'
import { Guard } from '../plan/guard.ts'
import type { OutputValues } from '../plan/plan.ts'
import { execute } from '../reference/execute.ts'
import type { Capabilities } from '../runtime/capabilities.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { fill } from './values.ts'

/** How far a kernel's result was from the float64 reference. */
export interface CheckResult {
  readonly kernel: string
  /** ‖got − expected‖₂ / ‖expected‖₂. */
  readonly relativeError: number
}

/** A case's graph with its inputs and their values. */
export function instantiate(
  opCase: OpCase,
  seed = 1,
): { output: Tensor; feeds: Record<string, Float32Array | Uint32Array> } {
  const inputs = opCase.inputs.map(({ spec }, index) => input(`x${index}`, spec))
  const feeds = Object.fromEntries(
    opCase.inputs.map((inputCase, index) => {
      const values = fill(inputCase, seed + index)
      return [`x${index}`, inputCase.spec.dtype === 'f16' ? values.map(roundToHalf) : values]
    }),
  )
  return { output: opCase.build(inputs), feeds }
}

/**
 * The case with its tensors in half precision, vectors and scalars excepted: those are biases, weights of norms and
 * rates, which stay f32. Undefined for cases to which that makes no difference.
 */
export function inHalves(opCase: OpCase): OpCase | undefined {
  const isStored = ({ spec }: InputCase) => spec.dtype === 'f32' && spec.shape.length > 1
  if (!opCase.inputs.some(isStored)) return undefined
  const inputs = opCase.inputs.map((inputCase) =>
    isStored(inputCase) ? { ...inputCase, spec: f16(...inputCase.spec.shape) } : inputCase,
  )
  return { ...opCase, name: `${opCase.name} in f16`, inputs }
}

/** Ways to compute a case's op on a device, see `waysOf`: the plain kernel last. */
export function fittingWays(device: Capabilities, opCase: OpCase): string[] {
  const [first, ...others] = nodesOf(opCase).map((node) => waysOf(node, device))
  return first!.filter((way) => others.every((ways) => ways.includes(way)))
}

/** Names of the kernels of a case's op that fit a device, in the op's order: the plain one last. */
export const fittingKernels = (device: Capabilities, opCase: OpCase): string[] =>
  fittingWays(device, opCase).filter((way) => way === kernelOf(way))

/** Name of the kernel that a plan takes for a case when nobody names one. */
export const chosenKernel = (device: Capabilities, opCase: OpCase): string =>
  chooseKernel(nodesOf(opCase)[0]!, device, {}, opCase.name).name

/** The case's op in its graph, as often as it occurs. */
function nodesOf({ op, inputs, build }: OpCase): Tensor[] {
  const leaves = inputs.map(({ spec }, index) => input(`x${index}`, spec))
  return collect([build(leaves)]).filter((tensor) => tensor.op === (op as unknown))
}

/** What `checkCase` may be told. */
export interface CheckOptions {
  readonly seed?: number
  /** Kernels, or other ways, to run; by default all kernels that fit the device. */
  readonly kernels?: readonly string[]
}

/**
 * Runs a case with kernels of its op in guarded memory, and compares with the float64 reference. Throws KernelError at
 * the first kernel that is wrong.
 */
export async function checkCase(
  runtime: Runtime,
  opCase: OpCase,
  { seed = 1, kernels = fittingKernels(runtime.capabilities, opCase) }: CheckOptions = {},
): Promise<CheckResult[]> {
  const { output, feeds } = instantiate(opCase, seed)
  const [expected] = execute([output], { inputs: feeds })
  const results: CheckResult[] = []
  for (const name of kernels) {
    const label = `${opCase.op.name}.${name} (${opCase.name})`
    const guard = new Guard()
    const plan = await compile<OutputValues>(
      runtime,
      { name: label, outputs: { y: output } },
      { guard, kernels: { [opCase.op.name]: name } },
    )
    const { y } = await plan.run(feeds)
    await guard.verify(runtime, label)
    plan.dispose()
    const { dtype } = output.spec
    const tolerance = dtype === 'u32' ? 0 : toleranceOf(opCase, name)
    const relativeError = compare(label, y!, expected!, tolerance, dtype)
    results.push({ kernel: name, relativeError })
  }
  return results
}

/** The relative L2 error that a case allows a way to compute it. */
function toleranceOf({ op, tolerance = 5e-6 }: Tolerant, way: string): number {
  const coarse = op.kernels.find(({ name }) => name === kernelOf(way))?.tolerance
  return Math.max(tolerance, coarse ?? 0)
}

/** An op, and what a case of it allows. */
interface Tolerant {
  readonly op: { readonly kernels: readonly Pick<Kernel, 'name' | 'tolerance'>[] }
  readonly tolerance?: number
}

/** Sums of other orders differ by rounding, which grows with their length: this finds mistakes, not inaccuracy. */
const ROUNDING = 20

/**
 * Compares a way's result with that of the plain kernel, where float64 would take too long. Returns and throws what
 * `compare` does.
 */
export const compareWithPlain = (
  label: string,
  of: Tolerant,
  way: string,
  got: Float32Array,
  plain: Float32Array,
  dtype: DType,
): number => compare(label, got, plain, ROUNDING * toleranceOf(of, way), dtype)

/**
 * Relative L2 error; throws KernelError where it, or a single element, is too far off, or not a number. Where the result
 * was rounded to f16, the next half counts as equal: an error far below the tolerance can make the difference.
 */
export function compare(
  label: string,
  got: OutputValues,
  expected: Float32Array | Float64Array,
  tolerance: number,
  dtype: DType = 'f32',
): number {
  let squares = 0
  let errors = 0
  let worst = 0
  let worstAt = 0
  expected.forEach((value, index) => {
    const difference = Math.abs(got[index]! - value)
    const error = dtype === 'f16' && difference <= halfStep(value) ? 0 : difference
    squares += value * value
    errors += error * error
    // The comparison is written so that NaN fails.
    if (!(error <= worst)) {
      worst = error
      worstAt = index
    }
  })
  const rms = Math.sqrt(squares / expected.length)
  const relative = Math.sqrt(errors / Math.max(squares, 1e-30))
  if (!(relative <= tolerance) || !(worst <= Math.max(20 * tolerance * rms, 1e-30))) {
    throw new KernelError(label, `element ${worstAt} is ${got[worstAt]}, should be ${expected[worstAt]}`, {
      operands: [`relative L2 error ${relative.toExponential(1)}, allowed ${tolerance.toExponential(1)}`],
      fix: 'correct the kernel, or its `fits` if it is not meant for this case',
    })
  }
  return relative
}
