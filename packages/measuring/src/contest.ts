import { kernelProcessorTime } from '@voxnorm/node'
import {
  clockOf,
  compile,
  type DType,
  kernelOf,
  type Plan,
  type Runtime,
  repetitionsFor,
  SlotPool,
} from '@voxnorm/tensor'
import { checkCase, chosenKernel, compareWithPlain, fittingWays, instantiate } from '@voxnorm/tensor/tuning'
import type { Measurement } from './row.ts'
import type { KernelProblem } from './targets.ts'

interface Contestant {
  readonly kernel: string
  readonly plan: Plan
  readonly compileTime: number
  readonly times: number[]
  readonly processorTimes: number[]
}

/** Who takes part. */
interface Entry {
  /** Names of kernels, or `kernel/variant`; all kernels if there are none. */
  readonly wanted: readonly string[]
  /** Whether the kernels' variants take part, too. */
  readonly variants: boolean
}

/**
 * Times kernels against each other. The last kernel of an op is the plain one that fits everything; it always takes
 * part, as the one to be compared with, and comes last. Of those wanted only the ones that fit take part.
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
  entry: Entry & { readonly rounds: number },
): Promise<readonly Measurement[]> {
  const { opCase } = problem
  const names = contestants(runtime, problem, entry)
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
      repetitions.set(one, repetitionsFor(await one.plan.time(), clock, runtime.capabilities.software))
    }
    for (let round = 0; round < entry.rounds; round++) {
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

/**
 * Ways to compute the problem's op that take part: kernels and variants that are named, the variants of named kernels
 * where variants are wanted, and the plain one. If none is named, all kernels are.
 */
function contestants(runtime: Runtime, { opCase }: KernelProblem, { wanted, variants }: Entry): string[] {
  return fittingWays(runtime.capabilities, opCase).filter((way, index, ways) => {
    const kernel = kernelOf(way)
    const isNamed = wanted.length === 0 || wanted.includes(kernel)
    return index === ways.length - 1 || wanted.includes(way) || (isNamed && (variants || way === kernel))
  })
}

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
  const fitting = fittingWays(runtime.capabilities, checked.opCase)
  const kernels = entered.map(({ kernel }) => kernel).filter((kernel) => fitting.includes(kernel))
  const results = await checkCase(runtime, checked.opCase, { kernels })
  const outputs: Float32Array[] = []
  for (const { plan } of entered) outputs.push((await plan.run(feeds)).y!)
  const plain = entered.at(-1)!.kernel
  return new Map(
    entered.map((one, index) => {
      const label = `${target}.${one.kernel} (${name}, compared with ${plain})`
      const { kernel } = one
      const difference = compareWithPlain(label, opCase, kernel, outputs[index]!, outputs.at(-1)!, dtype)
      const found = results.find((result) => result.kernel === kernel)
      return [
        one,
        found
          ? { error: found.relativeError, checked: checked.name }
          : { error: difference, checked: `${name}, against ${plain}` },
      ]
    }),
  )
}
