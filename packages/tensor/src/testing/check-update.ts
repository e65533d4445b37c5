import { KernelError } from '../errors.ts'
import { f32 } from '../graph/spec.ts'
import { input, read } from '../graph/tensor.ts'
import type { UpdateCase } from '../op-case.ts'
import { Arena } from '../plan/arena.ts'
import { compile } from '../plan/compile.ts'
import { GUARD_WORDS, Guard } from '../plan/guard.ts'
import type { OutputValues } from '../plan/plan.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { compare } from '../tuning/check.ts'
import { fill } from '../tuning/values.ts'

/**
 * A number such as no update leaves alone, behind what it should change. A NaN would not do, unlike behind results: it
 * stays what it is under every addition.
 */
const BEHIND = 0x3fde7fde

/** Relative error that new values may have: updates are a few operations on every element. */
const TOLERANCE = 5e-6

/**
 * Runs an update in guarded memory, and compares the new values with the float64 reference. Returns the largest relative
 * error. Throws KernelError when a value is wrong or a guard word has changed.
 */
export async function checkUpdate(runtime: Runtime, updateCase: UpdateCase, seed = 1): Promise<number> {
  const values = updateCase.inputs.map((inputCase, index) => fill(inputCase, seed + index))
  const results = await runUpdate(runtime, updateCase, values)
  const label = `${updateCase.op.name} (${updateCase.name})`
  const errors = results.map(({ input: index, got, expected }) =>
    compare(`${label} x${index}`, got, expected, TOLERANCE),
  )
  return Math.max(...errors)
}

/** New values of an input that an update overwrites, on the device and in float64. */
interface Updated {
  readonly input: number
  readonly got: Float32Array
  readonly expected: Float64Array
}

/**
 * New values of everything that an update overwrites, given those of its inputs. The variables have guard words behind
 * them: throws KernelError when one has changed.
 */
export async function runUpdate(
  runtime: Runtime,
  updateCase: UpdateCase,
  values: readonly OutputValues[],
): Promise<readonly Updated[]> {
  const { op, name, inputs, build } = updateCase
  const label = `${op.name} (${name})`
  const arena = new Arena(
    label,
    op.updates.flatMap((index) => [
      { name: `x${index}`, spec: inputs[index]!.spec },
      { name: `behind x${index}`, spec: f32(GUARD_WORDS) },
    ]),
  )
  const variables = new Map(op.updates.map((index, place) => [index, arena.variables[2 * place]!]))
  const { params, ...update } = build(
    inputs.map(({ spec }, index) => {
      const variable = variables.get(index)
      return variable ? read(variable) : input(`x${index}`, spec)
    }),
  )
  const expected = op.reference(
    values.map((list) => Float64Array.from(list)),
    params as never,
  )
  await arena.allocate(runtime)
  const before = new Uint32Array(arena.words).fill(BEHIND)
  for (const [index, { offset }] of variables) before.set(new Uint32Array(values[index]!.buffer), offset)
  arena.writeAll(new Float32Array(before.buffer))
  const guard = new Guard()
  const plan = await compile(runtime, { name: label, updates: [{ ...update, params }] }, { guard })
  await plan.run(
    Object.fromEntries(
      values.flatMap((list, index) => (variables.has(index) ? [] : [[`x${index}`, list] as const])),
    ),
  )
  await guard.verify(runtime, label)
  const after = await arena.readAll()
  plan.dispose()
  arena.dispose()
  const bits = new Uint32Array(after.buffer)
  return op.updates.map((index, place) => {
    const { offset } = variables.get(index)!
    const end = offset + values[index]!.length
    const overrun = bits.subarray(end, end + GUARD_WORDS).findIndex((word) => word !== BEHIND)
    if (overrun >= 0) throw new KernelError(label, `writes element ${overrun} past the end of x${index}`)
    return { input: index, got: after.subarray(offset, end), expected: Float64Array.from(expected[place]!) }
  })
}
