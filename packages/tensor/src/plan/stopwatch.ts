import type { Runtime } from '../runtime/runtime.ts'
import { encodeStep, type Step } from './step.ts'

/** What a time was taken with: the device's own time stamps, or the host's clock, which also sees submission and waiting. */
export type Clock = 'timestamps' | 'wall'

/** The better clock that a device has. */
export const clockOf = ({ device }: Runtime): Clock =>
  device.features.has('timestamp-query') ? 'timestamps' : 'wall'

/** Runs in a row that take long enough for a clock; a kernel of a few microseconds needs hundreds. */
export function repetitionsFor(milliseconds: number, clock: Clock, software: boolean): number {
  const wanted = clock === 'wall' ? 30 : software ? 10 : 2
  return Math.min(500, Math.max(1, Math.ceil(wanted / milliseconds)))
}

/** WebGPU allows 4096 time stamps in one set; every pass takes two. */
const PASSES_AT_ONCE = 2048

/**
 * Runs compute passes one after another. Returns how many milliseconds each took, by the better clock of the device, or
 * by `host`, a function that gives milliseconds: on a shared machine the processor time of a software device says more.
 */
export async function timePasses(
  runtime: Runtime,
  passes: readonly (readonly Step[])[],
  host?: () => number,
): Promise<readonly number[]> {
  const times: number[] = []
  if (host || clockOf(runtime) === 'wall') {
    const now = host ?? (() => performance.now())
    for (const pass of passes) times.push(await timeFromOutside(runtime, pass, now))
    return times
  }
  for (let first = 0; first < passes.length; first += PASSES_AT_ONCE) {
    times.push(...(await timeFromInside(runtime, passes.slice(first, first + PASSES_AT_ONCE))))
  }
  return times
}

/** Milliseconds of one run of some steps, `repetitions` of which make one pass. */
export async function timeSteps(
  runtime: Runtime,
  steps: readonly Step[],
  repetitions: number,
): Promise<number> {
  const pass = Array.from({ length: repetitions }, () => steps).flat()
  const [milliseconds] = await timePasses(runtime, [pass])
  return milliseconds! / repetitions
}

async function timeFromInside(runtime: Runtime, passes: readonly (readonly Step[])[]): Promise<number[]> {
  const { device } = runtime
  const count = 2 * passes.length
  const querySet = device.createQuerySet({ type: 'timestamp', count })
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC
  const buffer = await runtime.buffer(8 * count, usage, 'time stamps')
  const encoder = device.createCommandEncoder()
  passes.forEach((steps, index) => {
    const timestampWrites = {
      querySet,
      beginningOfPassWriteIndex: 2 * index,
      endOfPassWriteIndex: 2 * index + 1,
    }
    const pass = encoder.beginComputePass({ timestampWrites })
    for (const step of steps) encodeStep(pass, step)
    pass.end()
  })
  encoder.resolveQuerySet(querySet, 0, count, buffer, 0)
  device.queue.submit([encoder.finish()])
  const nanoseconds = new BigUint64Array(await runtime.readBuffer(buffer, 0, 8 * count))
  runtime.release(buffer)
  querySet.destroy()
  return passes.map((_, index) => Number(nanoseconds[2 * index + 1]! - nanoseconds[2 * index]!) / 1e6)
}

async function timeFromOutside(runtime: Runtime, steps: readonly Step[], now: () => number): Promise<number> {
  const { queue } = runtime.device
  await runtime.idle()
  const start = now()
  const encoder = runtime.device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  for (const step of steps) encodeStep(pass, step)
  pass.end()
  queue.submit([encoder.finish()])
  // No naps while the clock runs: they would be part of the time.
  await queue.onSubmittedWorkDone()
  return now() - start
}
