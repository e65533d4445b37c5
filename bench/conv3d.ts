import { writeFileSync } from 'node:fs'
import { compile, Runtime } from '@voxnorm/tensor'
import { kernelProcessorTime, openGpu } from '@voxnorm/tensor/node'
import { checkCase, conv3dCase, instantiate, median, type OpCase } from '@voxnorm/tensor/testing'
import { commit, option } from './measure.ts'

/** `[batch, side, input channels, output channels]` of 3³ convolutions with replicate padding. */
const SHAPES = [
  [1, 16, 32, 32],
  [1, 16, 64, 64],
  [2, 32, 8, 16],
  [8, 16, 4, 8],
] as const

const TARGETS = ['conv3d', 'conv3dInput', 'conv3dWeight'] as const

/** One kernel on one case: what the contract's `bench --json` asks for, and the processor time of the kernels. */
interface Row {
  readonly target: string
  readonly case: string
  readonly kernel: string
  readonly adapter: string
  readonly dtype: 'f32'
  readonly ms_median: number
  readonly ms_min: number
  readonly kernel_cpu_ms: number
  readonly gflops: number
  readonly gflops_per_kernel_cpu_s: number
  readonly max_rel_err: number
}

function caseOf(
  target: (typeof TARGETS)[number],
  [batch, side, inputs, outputs]: (typeof SHAPES)[number],
): OpCase {
  return conv3dCase(target, {
    kernel: 3,
    stride: 1,
    padding: 1,
    mode: 'replicate',
    batch,
    size: [side, side, side],
    inputs,
    outputs,
  })
}

/**
 * Times every kernel of the convolution family against the plain one in the same run, round by round. A kernel is
 * checked against the float64 reference at a small size of the same channels first; a wrong one stops the bench.
 */
export async function run(options: readonly string[]): Promise<void> {
  const opened = await openGpu({ device: option(options, 'device') ?? 'auto' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software })
  const rounds = Number(option(options, 'rounds') ?? 5)
  const rows: Row[] = []
  for (const shape of SHAPES) {
    const [batch, side, inputs, outputs] = shape
    for (const target of TARGETS) {
      const checked = await checkCase(runtime, caseOf(target, [batch, 6, inputs, outputs] as never))
      const opCase = caseOf(target, shape)
      const { output, feeds } = instantiate(opCase)
      const contestants = await Promise.all(
        checked.map(async ({ kernel, relativeError }) => ({
          kernel,
          relativeError,
          wall: [] as number[],
          processor: [] as number[],
          plan: await compile(
            runtime,
            { name: kernel, outputs: { y: output } },
            { kernels: { [target]: kernel } },
          ),
        })),
      )
      for (const { plan } of contestants) await plan.run(feeds)
      for (let round = 0; round < rounds; round++) {
        for (const { plan, wall, processor } of contestants) {
          const [start, used] = [performance.now(), kernelProcessorTime()]
          await plan.run(feeds)
          wall.push(performance.now() - start)
          processor.push(kernelProcessorTime() - used)
        }
      }
      const flops = 2 * batch * side ** 3 * 27 * inputs * outputs
      for (const { kernel, relativeError, wall, processor, plan } of contestants) {
        plan.dispose()
        rows.push({
          target,
          case: `x[${batch},${side},${side},${side},${inputs}]→${outputs}`,
          kernel,
          adapter: opened.name,
          dtype: 'f32',
          ms_median: median(wall),
          ms_min: Math.min(...wall),
          kernel_cpu_ms: median(processor),
          gflops: flops / median(wall) / 1e6,
          gflops_per_kernel_cpu_s: flops / median(processor) / 1e6,
          max_rel_err: relativeError,
        })
      }
      print(rows.slice(-contestants.length))
    }
  }
  const file = option(options, 'out')
  if (file) {
    const command = `node bench/run.mjs conv3d ${options.join(' ')}`
    writeFileSync(
      file,
      `${JSON.stringify({ commit: commit(), adapter: opened.description, command, rows }, null, 2)}\n`,
    )
  }
  runtime.dispose()
  opened.release()
}

function print(rows: readonly Row[]): void {
  const plain = rows.find(({ kernel }) => kernel === 'direct')!
  for (const row of rows) {
    const ratio = plain.kernel_cpu_ms / row.kernel_cpu_ms
    console.log(
      [
        row.target.padEnd(13),
        row.case.padEnd(24),
        row.kernel.padEnd(8),
        `${row.ms_median.toFixed(1)} ms`.padStart(10),
        `${row.gflops_per_kernel_cpu_s.toFixed(2)} GFLOP/kernel-CPU-s`.padStart(26),
        `${ratio.toFixed(1)}× plain`.padStart(12),
        `error ${row.max_rel_err.toExponential(1)}`,
      ].join(' '),
    )
  }
}
