import { KernelError } from '../errors.ts'
import { elements } from '../graph/spec.ts'
import type { InputCase, OpCase, UpdateCase } from '../op-case.ts'
import { compile } from '../plan/compile.ts'
import type { OutputValues } from '../plan/plan.ts'
import { execute } from '../reference/execute.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { fittingKernels, instantiate } from '../tuning/check.ts'
import { fill } from '../tuning/values.ts'
import { runUpdate } from './check-update.ts'

/**
 * What a result must have in common with the reference where numbers are not finite. `exact`: NaN, Infinity and -Infinity
 * in the very same elements. `never hidden`: what is not finite in the reference is not finite in the result, but an
 * infinity may have become a NaN or the other way round, and more elements than the reference's may be NaN.
 */
export type NonFiniteContract = 'exact' | 'never hidden'

/** Folders of ops that sum products in other orders than their references; docs/kernels.md has the reasons. */
const NEVER_HIDDEN: ReadonlySet<string> = new Set([
  'batchnorm',
  'conv3d',
  'curves',
  'fusion',
  'histogram',
  'upconv3d',
])

/** What the ops of a folder promise. */
export const contractOf = (folder: string): NonFiniteContract =>
  NEVER_HIDDEN.has(folder) ? 'never hidden' : 'exact'

/** How far finite numbers may be from the reference here: other checks are strict about them. */
const TOLERANCE = 5e-3

/** Zero is among them, because quotients and logarithms make of it what is not finite. */
const VALUES = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]

/** Copies of a list with one of the values first, in the middle, last, and everywhere. */
function* poisoned(values: OutputValues): Generator<readonly [what: string, values: Float32Array]> {
  const last = values.length - 1
  for (const value of VALUES) {
    for (const at of new Set([0, last >> 1, last])) {
      yield [`${value} at ${at}`, Float32Array.from(values).fill(value, at, at + 1)]
    }
    yield [`${value} everywhere`, new Float32Array(values.length).fill(value)]
  }
}

/** The least case for every kernel that fits a device: what is not finite is so at any size. */
export function leastCases(runtime: Runtime, cases: readonly OpCase[]): readonly [OpCase, kernel: string][] {
  const least = new Map<string, [OpCase, string]>()
  const sizeOf = ({ inputs }: OpCase) => inputs.reduce((sum, { spec }) => sum + elements(spec.shape), 0)
  for (const opCase of cases.toSorted((a, b) => sizeOf(a) - sizeOf(b))) {
    for (const kernel of fittingKernels(runtime.capabilities, opCase)) {
      const key = `${opCase.op.name}.${kernel}`
      if (!least.has(key)) least.set(key, [opCase, kernel])
    }
  }
  return [...least.values()]
}

/**
 * Runs a kernel on a case with NaN, ±Infinity and zero in every float input in turn. Throws KernelError where the result
 * breaks the contract.
 */
export async function checkNonFinite(
  runtime: Runtime,
  opCase: OpCase,
  kernel: string,
  contract: NonFiniteContract,
): Promise<void> {
  const { output, feeds } = instantiate(opCase)
  const label = `${opCase.op.name}.${kernel} (${opCase.name})`
  const definition = { name: label, outputs: { y: output } }
  const plan = await compile<OutputValues>(runtime, definition, { kernels: { [opCase.op.name]: kernel } })
  for (const index of floats(opCase.inputs)) {
    for (const [what, values] of poisoned(feeds[`x${index}`]!)) {
      const given = { ...feeds, [`x${index}`]: values }
      const [expected] = execute([output], { inputs: given })
      const { y } = await plan.run(given)
      compareNonFinite(`${label} with ${what} of input ${index}`, y!, expected!, contract)
    }
  }
  plan.dispose()
}

/** The same for an update, which promises to be exact. */
export async function checkUpdateNonFinite(runtime: Runtime, updateCase: UpdateCase): Promise<void> {
  const { op, name, inputs } = updateCase
  const values = inputs.map((inputCase, index) => fill(inputCase, index + 1))
  for (const index of floats(inputs)) {
    for (const [what, changed] of poisoned(values[index]!)) {
      const results = await runUpdate(runtime, updateCase, values.with(index, changed))
      for (const { got, expected } of results) {
        compareNonFinite(`${op.name} (${name}) with ${what} of input ${index}`, got, expected, 'exact')
      }
    }
  }
}

const floats = (inputs: readonly InputCase[]): number[] =>
  inputs.flatMap(({ spec }, index) => (spec.dtype === 'u32' ? [] : index))

function compareNonFinite(
  label: string,
  got: OutputValues,
  expected: Float64Array,
  contract: NonFiniteContract,
): void {
  const isRight = (value: number, truth: number) => {
    if (!Number.isFinite(truth))
      return contract === 'exact' ? Object.is(value, truth) : !Number.isFinite(value)
    if (contract === 'never hidden' && Number.isNaN(value)) return true
    return Math.abs(value - truth) <= TOLERANCE * Math.max(1, Math.abs(truth))
  }
  const wrong = expected.findIndex((truth, index) => !isRight(got[index]!, truth))
  if (wrong < 0) return
  throw new KernelError(label, `element ${wrong} is ${got[wrong]}, should be ${expected[wrong]}`)
}
