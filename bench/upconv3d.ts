import { grad } from '@voxnorm/autograd'
import { kernelProcessorTime, openGpu } from '@voxnorm/node'
import { compile, concat, conv3d, f32, input, Runtime, type Tensor, upsample } from '@voxnorm/tensor'
import { compare, fill, median } from '@voxnorm/tensor/tuning'
import { keep, option } from './measure.ts'

/** `[batch, full side, channels of the skip, channels of the upsampled part, output channels]`. */
const SHAPES = [
  [4, 16, 8, 16, 8],
  [4, 8, 16, 32, 16],
  [4, 4, 32, 64, 32],
  [1, 32, 16, 32, 16],
  [1, 16, 64, 128, 64],
] as const

const MODES = ['zero', 'replicate'] as const

interface Row {
  readonly target: string
  readonly case: string
  readonly form: string
  readonly adapter: string
  readonly ms_median: number
  readonly kernel_cpu_ms: number
  /** Relative to the composition, in float32. */
  readonly difference: number
}

/** The first convolution of a decoder block, its operands and their gradients. */
function decoder(
  [batch, side, skipChannels, lowChannels, outputs]: (typeof SHAPES)[number],
  mode: (typeof MODES)[number],
) {
  const specs = {
    skip: f32(batch, side, side, side, skipChannels),
    low: f32(batch, side / 2, side / 2, side / 2, lowChannels),
    w: f32(3, 3, 3, skipChannels + lowChannels, outputs),
    bias: f32(outputs),
    dy: f32(batch, side, side, side, outputs),
  }
  const operand = (name: keyof typeof specs) => input(name, specs[name])
  const [skip, low, w, bias] = [operand('skip'), operand('low'), operand('w'), operand('bias')]
  const joined = concat([skip, upsample(low)])
  const y = conv3d(joined, w, bias, { stride: 1, padding: 1, mode })
  const feeds = Object.fromEntries(
    Object.entries(specs).map(([name, spec], index) => [name, fill({ spec }, index + 1)]),
  )
  return { y, joined, targets: [skip, low, w, bias], ct: operand('dy'), feeds }
}

/**
 * Times the first convolution of a decoder block, forward and gradients, as it is written and as
 * `grad` and `compile` split it, round by round in the same run.
 */
export async function run(options: readonly string[]): Promise<void> {
  const opened = await openGpu({ device: option(options, 'device') ?? 'auto' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software })
  const rounds = Number(option(options, 'rounds') ?? 5)
  const rows: Row[] = []
  for (const shape of SHAPES) {
    for (const mode of MODES) {
      const { y, joined, targets, ct, feeds } = decoder(shape, mode)
      // A gradient that asks for what was joined is that of the composition, and so is a plan without rewrites.
      const forms = {
        composition: {
          gradients: () => grad(y, [...targets, joined], { ct }).slice(0, targets.length),
          options: { rewrites: [] },
        },
        split: { gradients: () => grad(y, targets, { ct }), options: {} },
      }
      for (const target of ['forward', 'gradients']) {
        const contestants = []
        for (const [form, { gradients, options }] of Object.entries(forms)) {
          const wanted: Tensor[] = target === 'forward' ? [y] : gradients()
          const outputs = Object.fromEntries(wanted.entries())
          const plan = await compile(runtime, { name: form, outputs }, options)
          const used = new Set(
            target === 'forward' ? ['skip', 'low', 'w', 'bias'] : ['skip', 'low', 'w', 'dy'],
          )
          const fed = Object.fromEntries(Object.entries(feeds).filter(([name]) => used.has(name)))
          const results = Object.values(await plan.run(fed))
          contestants.push({ form, plan, fed, results, wall: [] as number[], processor: [] as number[] })
        }
        for (let round = 0; round < rounds; round++) {
          for (const { plan, fed, wall, processor } of contestants) {
            const [start, used] = [performance.now(), kernelProcessorTime()]
            await plan.run(fed)
            wall.push(performance.now() - start)
            processor.push(kernelProcessorTime() - used)
          }
        }
        const [truth] = contestants
        for (const { form, plan, results, wall, processor } of contestants) {
          plan.dispose()
          const differences = results.map((values, index) =>
            compare(`${form} ${index}`, values, Float64Array.from(truth!.results[index]!), 2e-5),
          )
          rows.push({
            target,
            case: `[${shape.join(',')}] ${mode}`,
            form,
            adapter: opened.name,
            ms_median: median(wall),
            kernel_cpu_ms: median(processor),
            difference: Math.max(...differences),
          })
        }
        print(rows.at(-2)!, rows.at(-1)!)
      }
    }
  }
  keep('upconv3d', options, { adapter: opened.description, rows })
  runtime.dispose()
  opened.release()
}

function print(composition: Row, split: Row): void {
  console.log(
    [
      split.target.padEnd(10),
      split.case.padEnd(28),
      `${composition.kernel_cpu_ms.toFixed(1)} → ${split.kernel_cpu_ms.toFixed(1)} ms of kernel processor time`.padStart(
        50,
      ),
      `${(composition.kernel_cpu_ms / split.kernel_cpu_ms).toFixed(2)}×`.padStart(8),
      `difference ${split.difference.toExponential(1)}`,
    ].join(' '),
  )
}
