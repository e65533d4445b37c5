import { writeFileSync } from 'node:fs'
import {
  allocateNetworks,
  createTrainer,
  initializeNetworks,
  type ModelConfig,
  makeNetworks,
} from '@voxnorm/models'
import { type DispatchTime, Runtime } from '@voxnorm/tensor'
import { kernelProcessorTime, openGpu } from '@voxnorm/tensor/node'
import { median, uniform } from '@voxnorm/tensor/testing'
import { commit, option } from './measure.ts'

/** The networks of `preset: tiny`. */
const MODEL: ModelConfig = {
  modalities: ['T1w'],
  sites: ['a', 'b'],
  classes: ['BG', 'CSF', 'GM', 'WM'],
  base: 4,
  padding: 'zero',
  activation: 'relu',
  generatorOutput: 'sigmoid',
  scaling: 'max',
  patch: 16,
  discriminator: { base: 4, dropout: 0.25 },
}
const BATCH = 4

/** Times one whole iteration of Algorithm 1 with the tiny preset, then profiles it by kernel. */
export async function run(options: readonly string[]): Promise<void> {
  const opened = await openGpu({ device: option(options, 'device') ?? 'auto' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software })
  const rounds = Number(option(options, 'rounds') ?? 5)
  const networks = makeNetworks(MODEL, ['generator', 'segmenter', 'discriminator'])
  await allocateNetworks(runtime, networks)
  initializeNetworks(networks, 1)
  const start = performance.now()
  const trainer = await createTrainer(runtime, {
    networks,
    config: MODEL,
    loss: {
      lambda: 0.1,
      classWeights: { BG: 0.1, CSF: 0.4, GM: 0.25, WM: 0.25 },
      adversarial: 'minimax',
      dice: 'per-class-code',
    },
    batch: BATCH,
    augmented: false,
    microBatch: BATCH,
    weightDecay: 0,
    warmup: false,
  })
  const compileMilliseconds = performance.now() - start

  const next = uniform(1)
  const voxels = BATCH * MODEL.patch ** 3
  const patches = Float32Array.from({ length: voxels }, next)
  const labels = Uint32Array.from({ length: voxels }, () => Math.floor(next() * 4))
  const sites = Uint32Array.from({ length: BATCH }, (_, index) => index % 2)
  const batch = { patches, clean: patches, labels, sites }
  const scalars = (step: number) => ({
    lambda: 0.1,
    seed: step,
    rates: { generator: 1e-3, segmenter: 1e-3, discriminator: 1e-3 },
    steps: { generator: step, segmenter: step, discriminator: step },
  })
  const wall: number[] = []
  const processor: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const [began, used] = [performance.now(), kernelProcessorTime()]
    await trainer.discriminatorStep(batch, scalars(round + 1))
    await trainer.systemStep(batch, scalars(round + 1))
    // The first round warms up.
    if (round === 0) continue
    wall.push(performance.now() - began)
    processor.push(kernelProcessorTime() - used)
  }
  const profile = Object.values(await trainer.profile(batch, scalars(rounds + 2))).flat()
  const kernels = byKernel(profile)
  const iteration = { ms_median: median(wall), ms_min: Math.min(...wall), kernel_cpu_ms: median(processor) }
  console.log(
    `${opened.description}\ncompile ${compileMilliseconds.toFixed(0)} ms, iteration ${iteration.ms_median.toFixed(0)} ms`,
  )
  console.log(
    `kernel processor time ${iteration.kernel_cpu_ms.toFixed(0)} ms; by kernel, each dispatch alone:`,
  )
  for (const { kernel, dispatches, milliseconds } of kernels.slice(0, 20)) {
    console.log(
      `  ${kernel.padEnd(34)} ${String(dispatches).padStart(4)} × ${milliseconds.toFixed(1).padStart(8)} ms`,
    )
  }
  const file = option(options, 'out')
  if (file) {
    const command = `node bench/run.mjs step ${options.join(' ')}`
    const record = {
      commit: commit(),
      adapter: opened.description,
      command,
      compileMilliseconds,
      iteration,
      kernels,
    }
    writeFileSync(file, `${JSON.stringify(record, null, 2)}\n`)
  }
  trainer.dispose()
  runtime.dispose()
  opened.release()
}

/** Sums over the dispatches of each kernel file, longest first. */
function byKernel(profile: readonly DispatchTime[]) {
  const sums = new Map<string, { dispatches: number; milliseconds: number }>()
  for (const { name, milliseconds } of profile) {
    const kernel = name.split(' ').at(-1)!
    const sum = sums.get(kernel) ?? { dispatches: 0, milliseconds: 0 }
    sums.set(kernel, { dispatches: sum.dispatches + 1, milliseconds: sum.milliseconds + milliseconds })
  }
  return [...sums]
    .map(([kernel, sum]) => ({ kernel, ...sum }))
    .sort((a, b) => b.milliseconds - a.milliseconds)
}
