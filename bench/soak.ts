import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { loadSubject } from '@voxnorm/data/node'
import { train } from '@voxnorm/models'
import { kernelProcessorTime, openDevice } from '@voxnorm/node'
import { loadRun, PRESETS, toTraining } from '@voxnorm/pipeline/training'
import { median } from '@voxnorm/tensor/tuning'
import { type Drift, driftOf, growsBeyond } from './drift.ts'
import { keep, option } from './measure.ts'
import { withPhantom } from './phantom.ts'

/** Windows that a soak is divided into; each is an epoch, with a validation and a checkpoint at its end. */
const WINDOWS = 20

/** What is looked at for each window. Sizes in bytes, times in milliseconds of one step. */
interface Window {
  readonly steps: number
  readonly device_bytes: number
  /** After a garbage collection, as the two below. */
  readonly heap_bytes: number
  readonly external_bytes: number
  readonly rss_bytes: number
  readonly ms_median: number
  /** NaN where nobody counts it. */
  readonly kernel_cpu_ms: number
}

type Amount = Exclude<keyof Window, 'steps'>

/** How much a thousand steps may add: sizes in bytes, times as a part of their mean. */
const BOUNDS: Readonly<Partial<Record<Amount, number>>> = {
  heap_bytes: 2 ** 20,
  external_bytes: 2 ** 20,
  rss_bytes: 2 ** 24,
  ms_median: 0.05,
  kernel_cpu_ms: 0.05,
}

/**
 * Trains the tiny preset for `--steps` steps, with all that belongs to it, and looks for what grows. Fails when the bytes
 * on the device change at all after the first window, or when the drift of anything else is beyond its bound by more
 * than twice its standard error. On software renderers the kernels' processor time is judged in place of the wall time.
 */
export async function run(options: readonly string[]): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const steps = Number(option(options, 'steps') ?? 2000)
  const iterationsPerEpoch = Math.max(2, Math.round(steps / WINDOWS))
  const epochs = Math.ceil(steps / iterationsPerEpoch)
  const { tiny } = PRESETS
  const long = { ...tiny, train: { ...tiny.train, epochs, iterationsPerEpoch, warmup: 0 } }
  const device = await openDevice(option(options, 'device'))
  const windows: Window[] = []
  const size = { subjectsPerSite: 3, shape: [72, 84, 64], voxelSize: 2 } as const
  await withPhantom(long, size, async ({ config, plan, log, stop }) => {
    const data = await loadRun(config, plan, log, stop, loadSubject)
    const subjects = { training: data.train, validation: data.validation }
    let ends: { readonly wall: number; readonly processor: number }[] = []
    for await (const { kind } of train(device.runtime, toTraining(config), subjects)) {
      if (kind === 'step') ends.push({ wall: performance.now(), processor: kernelProcessorTime() })
      if (kind !== 'epoch') continue
      collect()
      // Buffers that a collection finds give their memory back only after it.
      await setImmediate()
      collect()
      windows.push(windowOf(ends, device.runtime.allocatedBytes, windows.at(-1)?.steps ?? 0))
      print(windows.at(-1)!)
      ends = []
    }
  })
  const judged = device.software && !Number.isNaN(windows[0]!.kernel_cpu_ms) ? 'kernel_cpu_ms' : 'ms_median'
  const verdict = judge(windows.slice(1), judged)
  keep('soak', options, { adapter: device.description, windows, ...verdict })
  device.close()
  console.log(verdict.failures.length === 0 ? 'nothing grows' : verdict.failures.join('\n'))
  if (verdict.failures.length > 0) process.exitCode = 1
}

function windowOf(
  ends: readonly { readonly wall: number; readonly processor: number }[],
  deviceBytes: number,
  before: number,
): Window {
  const { rss, heapUsed, external } = process.memoryUsage()
  const [first, last] = [ends[0]!, ends.at(-1)!]
  return {
    steps: before + ends.length,
    device_bytes: deviceBytes,
    heap_bytes: heapUsed,
    external_bytes: external,
    rss_bytes: rss,
    ms_median: median(ends.slice(1).map(({ wall }, index) => wall - ends[index]!.wall)),
    kernel_cpu_ms: (last.processor - first.processor) / (ends.length - 1),
  }
}

function judge(windows: readonly Window[], time: Amount) {
  const drifts: Partial<Record<Amount, Drift>> = {}
  const failures: string[] = []
  const [first] = windows
  if (windows.some(({ device_bytes }) => device_bytes !== first!.device_bytes)) {
    failures.push('the bytes on the device changed after the first window')
  }
  for (const [name, bound] of Object.entries(BOUNDS) as [Amount, number][]) {
    const values = windows.map((window) => window[name])
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const unit = name.endsWith('_bytes') ? 1 : mean
    const drift = driftOf(
      windows.map((window) => window.steps / 1000),
      values.map((value) => value / unit),
    )
    drifts[name] = drift
    const { slope, error } = drift
    console.log(
      `${name.padEnd(16)} ${slope.toPrecision(3)} ± ${error.toPrecision(2)} in 1000 steps, bound ${bound}`,
    )
    if ((unit === 1 || name === time) && growsBeyond(drift, bound)) failures.push(`${name} grows`)
  }
  return { drifts, bounds: BOUNDS, judged: time, failures }
}

function print({
  steps,
  device_bytes,
  heap_bytes,
  external_bytes,
  rss_bytes,
  ms_median,
  kernel_cpu_ms,
}: Window) {
  const size = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MiB`.padStart(11)
  console.log(
    [
      `${steps} steps`.padStart(10),
      `device ${size(device_bytes)}`,
      `heap ${size(heap_bytes)}`,
      `external ${size(external_bytes)}`,
      `resident ${size(rss_bytes)}`,
      `${ms_median.toFixed(1)} ms a step`,
      `${kernel_cpu_ms.toFixed(1)} kernel-CPU ms`,
    ].join('  '),
  )
}
