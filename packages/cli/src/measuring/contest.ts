import { type Clock, clockOf, compile, type DType, type Plan, type Runtime, SlotPool } from '@voxnorm/tensor'
import { kernelProcessorTime } from '@voxnorm/tensor/node'
import {
  checkCase,
  chosenKernel,
  compare,
  fittingKernels,
  instantiate,
  toleranceOf,
} from '@voxnorm/tensor/testing'
import type { Measurement } from './row.ts'
import type { KernelProblem } from './targets.ts'

interface Contestant {
  readonly kernel: string
  readonly plan: Plan
  readonly compileTime: number
  readonly times: number[]
  readonly processorTimes: number[]
}

/**
 * Times kernels against each other. The last kernel of an op is the plain one that fits everything; it always takes
 * part, as the one to be compared with, and comes last. Of those in `wanted` only the ones that fit take part.
 *
 * First every kernel is checked, at the small size against float64 and at the full size against the plain kernel: a
 * wrong one ends the contest before anything is timed. Then they run in turns, round by round, so that whatever else
 * the machine does meanwhile hits all alike.
 *
 * Throws KernelError for a kernel that is wrong.
 */
export async function contest(
  runtime: Runtime,
  problem: KernelProblem,
  { wanted, rounds }: { readonly wanted: readonly string[]; readonly rounds: number },
): Promise<readonly Measurement[]> {
  const { opCase } = problem
  const names = contestants(runtime, problem, wanted)
  const { output, feeds } = instantiate(opCase)
  const entered: Contestant[] = []
  const pool = new SlotPool(runtime)
  try {
    for (const kernel of names) {
      const start = performance.now()
      const definition = { name: `${problem.target} ${kernel}`, outputs: { y: output } }
      const plan = await compile(runtime, definition, { pool, kernels: { [opCase.op.name]: kernel } })
      const compileTime = performance.now() - start
      entered.push({ kernel, plan, compileTime, times: [], processorTimes: [] })
    }
    const errors = await checkAll(runtime, problem, entered, { feeds, dtype: output.spec.dtype })
    const clock = clockOf(runtime)
    const repetitions = new Map<Contestant, number>()
    for (const one of entered) {
      repetitions.set(one, enough(await one.plan.time(), clock, runtime.capabilities.software))
    }
    for (let round = 0; round < rounds; round++) {
      for (const one of entered) {
        const runs = repetitions.get(one)!
        const used = kernelProcessorTime()
        one.times.push(await one.plan.time(runs))
        one.processorTimes.push((kernelProcessorTime() - used) / runs)
      }
    }
    const chosen = chosenKernel(runtime.capabilities, opCase)
    return entered.map((one) => ({
      target: problem.target,
      case: problem.name,
      kernel: one.kernel,
      chosen: one.kernel === chosen,
      dtype: opCase.inputs[0]!.spec.dtype,
      times: one.times,
      processorTimes: one.processorTimes,
      clock,
      repetitions: repetitions.get(one)!,
      flops: one.plan.summary.flops,
      bytes: one.plan.summary.bytes,
      ...errors.get(one)!,
      compileTime: one.compileTime,
    }))
  } finally {
    for (const { plan } of entered) plan.dispose()
    pool.dispose()
  }
}

/** Kernels of the problem's op that take part: those wanted (all if none are named) that fit, and the plain one. */
function contestants(runtime: Runtime, { opCase }: KernelProblem, wanted: readonly string[]): string[] {
  const fitting = fittingKernels(runtime.capabilities, opCase)
  return fitting.filter(
    (name, index) => index === fitting.length - 1 || wanted.length === 0 || wanted.includes(name),
  )
}

/** Sums of other orders differ by rounding, which grows with their length: this finds mistakes, not inaccuracy. */
const ROUNDING = 20

/**
 * Checks every kernel against float64 at the small size, if it fits there too, and at the full size against the plain
 * one. Returns each kernel's error, from the former where there is one, and what it was found at.
 */
async function checkAll(
  runtime: Runtime,
  { target, name, opCase, checked }: KernelProblem,
  entered: readonly Contestant[],
  { feeds, dtype }: { readonly feeds: ReturnType<typeof instantiate>['feeds']; readonly dtype: DType },
): Promise<ReadonlyMap<Contestant, Pick<Measurement, 'error' | 'checked'>>> {
  const fitting = fittingKernels(runtime.capabilities, checked.opCase)
  const kernels = entered.map(({ kernel }) => kernel).filter((kernel) => fitting.includes(kernel))
  const results = await checkCase(runtime, checked.opCase, { kernels })
  const outputs: Float32Array[] = []
  for (const { plan } of entered) outputs.push((await plan.run(feeds)).y!)
  const plain = entered.at(-1)!.kernel
  return new Map(
    entered.map((one, index) => {
      const label = `${target}.${one.kernel} (${name}, compared with ${plain})`
      const tolerance = ROUNDING * toleranceOf(opCase, one.kernel)
      const difference = compare(label, outputs[index]!, outputs.at(-1)!, tolerance, dtype)
      const found = results.find(({ kernel }) => kernel === one.kernel)
      return [
        one,
        found
          ? { error: found.relativeError, checked: checked.name }
          : { error: difference, checked: `${name}, against ${plain}` },
      ]
    }),
  )
}

/** Runs in a row that take long enough for the clock; a kernel of a few microseconds needs hundreds. */
function enough(milliseconds: number, clock: Clock, software: boolean): number {
  const wanted = clock === 'wall' ? 30 : software ? 10 : 2
  return Math.min(500, Math.max(1, Math.ceil(wanted / milliseconds)))
}
