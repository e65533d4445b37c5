import { openNetworks, randomBatch, scalarsOf, trainerOf } from '@voxnorm/measuring'
import { hostProcessorTime, kernelProcessorTime, nap, openGpu } from '@voxnorm/node'
import { PRESETS } from '@voxnorm/pipeline/training'
import { Runtime } from '@voxnorm/tensor'
import { median } from '@voxnorm/tensor/tuning'
import { keep, option } from './measure.ts'

/** Iterations in a round: enough that waits are not all at its end. */
const ITERATIONS = 4

/** One way to wait; times in milliseconds of one iteration. */
interface Row {
  readonly waits: string
  readonly ms_median: number
  /** Processor time of the host's thread: all of it, and the part that feeds and submits the steps. */
  readonly host_cpu_ms: number
  readonly submit_cpu_ms: number
  readonly kernel_cpu_ms: number
}

/**
 * Times iterations of the tiny preset with and without naps while the host waits (`RuntimeOptions.pause`), in turns on
 * two devices of one adapter. As in a training, two iterations are in flight.
 */
export async function run(options: readonly string[]): Promise<void> {
  const opened = await openGpu({ device: option(options, 'device') ?? 'auto' })
  const rounds = Number(option(options, 'rounds') ?? 5)
  const contestants = []
  for (const [waits, pause] of [
    ['polling', {}],
    ['napping', { pause: nap }],
  ] as const) {
    const runtime = await Runtime.open(opened.gpu, { software: opened.software, ...pause })
    const iterate = await prepare(runtime)
    contestants.push({
      waits,
      runtime,
      iterate,
      wall: [] as number[],
      host: [] as number[],
      submits: [] as number[],
      kernels: [] as number[],
    })
  }
  for (let round = 0; round <= rounds; round++) {
    for (const { iterate, wall, host, submits, kernels } of contestants) {
      const [start, used, computed] = [performance.now(), hostProcessorTime(), kernelProcessorTime()]
      const submitting = await iterate()
      // The first round warms up.
      if (round === 0) continue
      wall.push((performance.now() - start) / ITERATIONS)
      host.push((hostProcessorTime() - used) / ITERATIONS)
      submits.push(submitting / ITERATIONS)
      kernels.push((kernelProcessorTime() - computed) / ITERATIONS)
    }
  }
  const rows = contestants.map(({ waits, wall, host, submits, kernels }): Row => {
    return {
      waits,
      ms_median: median(wall),
      host_cpu_ms: median(host),
      submit_cpu_ms: median(submits),
      kernel_cpu_ms: median(kernels),
    }
  })
  for (const { waits, ms_median, host_cpu_ms, submit_cpu_ms, kernel_cpu_ms } of rows) {
    const share = ((100 * host_cpu_ms) / ms_median).toFixed(0)
    console.log(
      `${waits}  ${ms_median.toFixed(1)} ms an iteration, the host's thread ${host_cpu_ms.toFixed(1)} ms (${share} % of a core; ${submit_cpu_ms.toFixed(1)} ms to submit), kernels ${kernel_cpu_ms.toFixed(1)} ms`,
    )
  }
  keep('waiting', options, { adapter: opened.description, rounds, rows })
  for (const { runtime } of contestants) runtime.dispose()
  opened.release()
}

/** A round: runs its iterations, and resolves with the host's processor time for submitting them. */
async function prepare(runtime: Runtime): Promise<() => Promise<number>> {
  const config = PRESETS.tiny
  const { model, networks } = await openNetworks(runtime, config)
  const trainer = await trainerOf(runtime, networks, model, config)
  const batch = randomBatch(model, config.train.batch, config.seed)
  let step = 0
  let submitting = 0
  const submit = () => {
    step++
    const scalars = scalarsOf(config, step)
    const used = hostProcessorTime()
    const results = [trainer.discriminatorStep(batch, scalars), trainer.systemStep(batch, scalars)]
    submitting += hostProcessorTime() - used
    return Promise.all(results)
  }
  return async () => {
    submitting = 0
    let before = submit()
    for (let iteration = 1; iteration < ITERATIONS; iteration++) {
      const next = submit()
      await before
      before = next
    }
    await before
    return submitting
  }
}
