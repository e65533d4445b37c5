import { bind, grad, initialArena } from '@voxnorm/autograd'
import { runUNet3d, uNet3d } from '@voxnorm/models'
import { kernelProcessorTime, openGpu } from '@voxnorm/node'
import { compile, f32, input, mul, Runtime, sum } from '@voxnorm/tensor'
import { PLAN_REWRITES } from '@voxnorm/tensor/testing'
import { fill, median } from '@voxnorm/tensor/tuning'
import { keep, option } from './measure.ts'

/** `[batch, side, base width]`: the tiny preset, the small U-Net of bench/peers, and a wider one. */
const SHAPES = [
  [4, 16, 4],
  [2, 16, 8],
  [1, 32, 8],
] as const

/**
 * Times a training pass of a U-Net, forward and all gradients, with each rewrite of plans alone, with all and with none,
 * round by round in the same run.
 */
export async function run(options: readonly string[]): Promise<void> {
  const opened = await openGpu({ device: option(options, 'device') ?? 'auto' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software })
  const rounds = Number(option(options, 'rounds') ?? 7)
  const rows = []
  for (const [batch, side, base] of SHAPES) {
    const net = bind('net', uNet3d(base, 1, 4))
    for (const arena of [net.parameterArena, net.statisticsArena]) await arena.allocate(runtime)
    net.parameterArena.writeAll(initialArena(net.parameterArena, net.trained, 1))
    const x = f32(batch, side, side, side, 1)
    const pass = runUNet3d(net.weights, input('x', x), {
      padding: 'zero',
      activation: 'leaky-relu',
      mode: 'training',
    })
    const targets = net.trained.map(({ tensor }) => tensor)
    const gradients = grad(sum(mul(pass.output, input('ct', pass.output.spec))), targets)
    const feeds = { x: fill({ spec: x }, 1), ct: fill({ spec: pass.output.spec }, 2) }
    const forms = {
      none: [],
      ...Object.fromEntries(PLAN_REWRITES.map((rewrite) => [rewrite.name, [rewrite]])),
      all: PLAN_REWRITES,
    }
    const contestants = []
    for (const [form, rewrites] of Object.entries(forms)) {
      const outputs = Object.fromEntries(gradients.entries())
      const plan = await compile(runtime, { name: form, outputs }, { rewrites })
      await plan.run(feeds)
      contestants.push({ form, plan, wall: [] as number[], processor: [] as number[] })
    }
    for (let round = 0; round < rounds; round++) {
      for (const { plan, wall, processor } of contestants) {
        const [start, used] = [performance.now(), kernelProcessorTime()]
        await plan.run(feeds)
        wall.push(performance.now() - start)
        processor.push(kernelProcessorTime() - used)
      }
    }
    for (const { form, plan, wall, processor } of contestants) {
      const { dispatches, slotBytes } = plan.summary
      plan.dispose()
      const row = {
        case: `batch ${batch} of ${side}³, base ${base}`,
        rewrites: form,
        adapter: opened.name,
        ms_median: median(wall),
        kernel_cpu_ms: median(processor),
        dispatches,
        slot_bytes: slotBytes,
      }
      rows.push(row)
      console.log(
        [
          row.case.padEnd(26),
          form.padEnd(24),
          `${row.ms_median.toFixed(1)} ms`.padStart(10),
          `${row.kernel_cpu_ms.toFixed(1)} ms of kernel processor time`.padStart(38),
          `${dispatches} dispatches`.padStart(16),
          `${(slotBytes / 2 ** 20).toFixed(1)} MiB`.padStart(10),
        ].join(' '),
      )
    }
  }
  keep('fusion', options, { adapter: opened.description, rows })
  runtime.dispose()
  opened.release()
}
