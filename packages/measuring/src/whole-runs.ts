import { randomStream } from '@voxnorm/data'
import { createPredictor, predictVolume, readNetworks } from '@voxnorm/models'
import { kernelProcessorTime } from '@voxnorm/node'
import type { Config } from '@voxnorm/pipeline/training'
import type { DispatchTime, Runtime } from '@voxnorm/tensor'
import { checkPrediction, checkStep } from './network-check.ts'
import { openNetworks, randomBatch, scalarsOf, trainerOf } from './random-training.ts'
import type { KernelShare, Measurement } from './row.ts'

/** The part of a measurement that timing gives. */
type Times = Pick<Measurement, 'times' | 'processorTimes' | 'clock' | 'repetitions' | 'compileTime'>

/**
 * Times one whole iteration of Algorithm 1 on random patches, host and device together: D's steps, then that of G and S.
 * Then profiles it by kernel. Throws KernelError when its losses are not those of float64.
 */
export async function measureStep(runtime: Runtime, config: Config, rounds: number): Promise<Measurement> {
  const { error, checked } = await checkStep(runtime, config)
  const { model, networks, dispose } = await openNetworks(runtime, config)
  const release = [dispose]
  try {
    const start = performance.now()
    const trainer = await trainerOf(runtime, networks, model, config)
    release.unshift(() => trainer.dispose())
    const compileTime = performance.now() - start
    const { batch, discriminatorSteps, method } = config.train
    const perIteration: Record<string, number> = { discriminator: discriminatorSteps, system: 1 }
    const patches = randomBatch(model, batch, config.seed)
    let step = 0
    const iterate = async () => {
      step++
      // As in a training, the host waits for nothing before everything is submitted.
      const submitted: Promise<unknown>[] = []
      for (let one = 0; networks.discriminator && one < discriminatorSteps; one++) {
        submitted.push(trainer.discriminatorStep(patches, scalarsOf(config, step)))
      }
      submitted.push(trainer.systemStep(patches, scalarsOf(config, step)))
      await Promise.all(submitted)
    }
    const times = await timeRounds(iterate, rounds, compileTime)
    const host = runtime.capabilities.software && kernelProcessorTime() > 0 ? kernelProcessorTime : undefined
    const profile = await trainer.profile(patches, scalarsOf(config, step + 1), host)
    const sum = (amount: 'flops' | 'bytes') =>
      trainer.plans.reduce((all, { name, summary }) => all + summary[amount] * (perIteration[name] ?? 0), 0)
    return {
      target: 'step',
      case: `${config.preset} ${method}, batch ${batch} of ${model.patch}³, base ${model.base}`,
      kernel: 'all',
      chosen: true,
      dtype: config.train.precision === 'mixed' ? 'f16' : 'f32',
      ...times,
      flops: sum('flops'),
      bytes: sum('bytes'),
      error,
      checked,
      byKernel: sharesOf(Object.values(profile).flat()),
    }
  } finally {
    for (const free of release) free()
  }
}

/**
 * Times the prediction of a random volume with a model of random weights, host and device together. Throws KernelError
 * when its probabilities are not those of float64.
 */
export async function measurePrediction(
  runtime: Runtime,
  config: Config,
  rounds: number,
): Promise<Measurement> {
  const { error, checked } = await checkPrediction(runtime, config)
  const { model, networks, names, dispose } = await openNetworks(runtime, config)
  const release = [dispose]
  try {
    const tensors = await readNetworks(networks)
    const start = performance.now()
    const predictor = await createPredictor(runtime, { config: model, names, tensors })
    release.unshift(() => predictor.dispose())
    const { plan, batch } = await predictor.planFor(model.patch, undefined)
    const compileTime = performance.now() - start
    const { stride } = config.inference
    const side = 2 * model.patch
    const channels = model.modalities.length
    const { uniform: next } = randomStream(config.seed, 'bench')
    const volume = {
      shape: [side, side, side] as const,
      channels,
      image: Float32Array.from({ length: side ** 3 * channels }, next),
      mask: new Uint8Array(side ** 3).fill(1),
    }
    let windows = 0
    const predict = async () => {
      const onProgress = (_done: number, total: number) => {
        windows = total
      }
      await predictVolume(predictor, volume, { stride, onProgress })
    }
    const times = await timeRounds(predict, rounds, compileTime)
    const batches = Math.ceil(windows / batch)
    return {
      target: 'predict',
      case: `${config.preset}, volume ${side}³, ${windows} windows of ${model.patch}³, base ${model.base}`,
      kernel: 'all',
      chosen: true,
      dtype: 'f32',
      ...times,
      flops: plan.summary.flops * batches,
      bytes: plan.summary.bytes * batches,
      error,
      checked,
    }
  } finally {
    for (const free of release) free()
  }
}

/** Runs once to warm up and then round by round. Results come back to the host, so a round ends with the work. */
async function timeRounds(run: () => Promise<void>, rounds: number, compileTime: number): Promise<Times> {
  const [times, processorTimes]: [number[], number[]] = [[], []]
  await run()
  for (let round = 0; round < rounds; round++) {
    const [start, used] = [performance.now(), kernelProcessorTime()]
    await run()
    times.push(performance.now() - start)
    processorTimes.push(kernelProcessorTime() - used)
  }
  return { times, processorTimes, clock: 'wall', repetitions: 1, compileTime }
}

/** Sums over the dispatches of each kernel file, longest first. */
function sharesOf(profile: readonly DispatchTime[]): KernelShare[] {
  const sums = new Map<string, KernelShare>()
  for (const { name, milliseconds } of profile) {
    const kernel = name.split(' ').at(-1)!
    const sum = sums.get(kernel) ?? { kernel, dispatches: 0, ms: 0 }
    sums.set(kernel, { kernel, dispatches: sum.dispatches + 1, ms: sum.ms + milliseconds })
  }
  return [...sums.values()].sort((a, b) => b.ms - a.ms)
}
