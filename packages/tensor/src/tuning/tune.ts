import { KernelError } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { waysOf } from '../plan/choose.ts'
import type { Step } from '../plan/step.ts'
import { clockOf, repetitionsFor, timeSteps } from '../plan/stopwatch.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { compareWithPlain } from './check.ts'
import { problemOf, ruleOf } from './problem.ts'
import { median } from './statistics.ts'
import { openWorkbench, type Workbench } from './workbench.ts'

/** A way to compute a node, and the median of its times. */
export interface TimedWay {
  readonly way: string
  readonly milliseconds: number
}

/** What a measurement found out about a node. */
export interface Tuned {
  readonly best: TimedWay
  readonly runnerUp: TimedWay | undefined
  /** What the kernels' own rules choose; undefined where that is wrong here. */
  readonly rule: TimedWay | undefined
  /** Ways that are wrong or do not compile, and were not timed. */
  readonly refused: readonly { readonly way: string; readonly error: KernelError }[]
}

/** For tests: clocks that may lie. Times are milliseconds. */
export interface TuneOptions {
  readonly time?: (way: string, steps: readonly Step[], repetitions: number) => Promise<number>
  readonly now?: () => number
}

/** Milliseconds of timing for a node, after compiling and checking. */
const BUDGET = 2000
const ROUNDS = 7
/** A way that takes so many times as long as the best is given up. */
const TOO_SLOW = 1.3
/** The same after a single run, which says less. */
const FAR_TOO_SLOW = 3

/**
 * Finds the fastest way to compute a node. First every way is compared with the plain kernel at the node's own size; one
 * that is wrong or does not compile is never timed. Then the others run in turns, and the slow ones drop out.
 *
 * Throws DeviceError where the device has no room for the node's operands or for what a way needs besides.
 */
export async function tune(runtime: Runtime, tensor: Tensor, options: TuneOptions = {}): Promise<Tuned> {
  const workbench = await openWorkbench(runtime, tensor)
  try {
    const { runners, refused } = await checkWays(runtime, tensor, workbench)
    await race(runtime, runners, options)
    const timed = runners
      .map(({ way, times }): TimedWay => ({ way, milliseconds: median(times) }))
      .sort((a, b) => a.milliseconds - b.milliseconds)
    const rule = ruleOf(tensor, runtime.capabilities)
    return { best: timed[0]!, runnerUp: timed[1], rule: timed.find(({ way }) => way === rule), refused }
  } finally {
    workbench.dispose()
  }
}

interface Runner {
  readonly way: string
  readonly steps: readonly Step[]
  readonly times: number[]
}

async function checkWays(runtime: Runtime, tensor: Tensor, workbench: Workbench) {
  const ways = waysOf(tensor, runtime.capabilities)
  const plain = await workbench.run(await workbench.prepare(ways.at(-1)!))
  const runners: Runner[] = []
  const refused: { way: string; error: KernelError }[] = []
  for (const way of ways) {
    try {
      const steps = await workbench.prepare(way)
      const label = `${tensor.op.name}.${way} (${problemOf(tensor)})`
      compareWithPlain(label, tensor, way, await workbench.run(steps), plain, tensor.spec.dtype)
      runners.push({ way, steps, times: [] })
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      refused.push({ way, error })
    }
  }
  return { runners, refused }
}

async function race(runtime: Runtime, runners: readonly Runner[], options: TuneOptions): Promise<void> {
  const { now = () => performance.now() } = options
  const { time = (_way, steps, repetitions) => timeSteps(runtime, steps, repetitions) } = options
  const repetitions = new Map<Runner, number>()
  let running = runners
  const dropSlow = (limit: number) => {
    const best = Math.min(...running.map(({ times }) => median(times)))
    running = running.filter(({ times }) => median(times) <= limit * best)
  }
  for (const runner of runners) {
    const once = await time(runner.way, runner.steps, 1)
    runner.times.push(once)
    repetitions.set(runner, repetitionsFor(once, clockOf(runtime), runtime.capabilities.software))
  }
  dropSlow(FAR_TOO_SLOW)
  // The single runs of those that go on were for this only.
  for (const { times } of running) times.length = 0
  const start = now()
  for (let round = 0; round < ROUNDS && (round === 0 || now() - start < BUDGET); round++) {
    for (const runner of running) {
      runner.times.push(await time(runner.way, runner.steps, repetitions.get(runner)!))
    }
    dropSlow(TOO_SLOW)
  }
}
