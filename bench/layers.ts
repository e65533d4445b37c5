import { grad } from '@voxnorm/autograd'
import { kernelProcessorTime, openGpu } from '@voxnorm/node'
import {
  Arena,
  type ArenaVariable,
  compile,
  execute,
  f32,
  Runtime,
  read,
  type Spec,
  sliceOf,
  type Tensor,
} from '@voxnorm/tensor'
import { compare, fill, median } from '@voxnorm/tensor/tuning'
import { keep, option } from './measure.ts'

/** One layer on its own. */
export interface Layer {
  readonly name: string
  /** Shape of the input `[N,D,H,W,C]`. */
  readonly shape: readonly [number, number, number, number, number]
  /** Shapes of the layer's own parameters. */
  readonly parameters: readonly (readonly number[])[]
  apply(x: Tensor, parameters: readonly Tensor[]): Tensor
  /** Allowed relative L2 error in float32. */
  readonly tolerance: number
  /** Kernels to compare, by op; the preferred ones alone if there is no choice. */
  readonly contestants: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** One layer with one choice of kernels; the names are those of `voxnorm bench --json`. */
interface Row {
  readonly target: string
  readonly case: string
  readonly kernel: string
  readonly adapter: string
  readonly dtype: 'f32'
  readonly ms_median: number
  readonly ms_min: number
  readonly kernel_cpu_ms: number
  readonly max_rel_err: number
}

const DIRECTIONS = ['forward', 'forward and backward'] as const

/**
 * Times layers forward, and forward and backward with the gradients of the input and all parameters. Operands and
 * results stay on the device. Every contestant is checked against the float64 reference first, at a small size with the
 * same channels; a wrong one stops the bench.
 */
export async function timeLayers(
  target: string,
  layers: readonly Layer[],
  options: readonly string[],
): Promise<void> {
  const opened = await openGpu({ device: option(options, 'device') ?? 'auto' })
  const runtime = await Runtime.open(opened.gpu, { software: opened.software })
  const rounds = Number(option(options, 'rounds') ?? 5)
  const rows: Row[] = []
  for (const layer of layers) {
    for (const direction of DIRECTIONS) {
      const backward = direction !== 'forward'
      const contestants = await Promise.all(
        Object.entries(layer.contestants).map(async ([kernel, kernels]) => {
          const error = await check(runtime, layer, backward, kernels)
          const { plan, dispose } = await prepare(runtime, layer, backward, kernels)
          return { kernel, error, plan, dispose, wall: [] as number[], processor: [] as number[] }
        }),
      )
      for (let round = 0; round <= rounds; round++) {
        for (const { plan, wall, processor } of contestants) {
          const [start, used] = [performance.now(), kernelProcessorTime()]
          await plan.run()
          await runtime.idle()
          // The first round warms up.
          if (round === 0) continue
          wall.push(performance.now() - start)
          processor.push(kernelProcessorTime() - used)
        }
      }
      for (const { kernel, error, dispose, wall, processor } of contestants) {
        dispose()
        const row: Row = {
          target: `${layer.name} ${direction}`,
          case: `x[${layer.shape}]`,
          kernel,
          adapter: opened.name,
          dtype: 'f32',
          ms_median: median(wall),
          ms_min: Math.min(...wall),
          kernel_cpu_ms: median(processor),
          max_rel_err: error,
        }
        rows.push(row)
        print(row)
      }
    }
  }
  keep(target, options, { adapter: opened.description, rows })
  runtime.dispose()
  opened.release()
}

/** A plan of a layer whose operands and results stay on the device, each in an arena of its own. */
async function prepare(
  runtime: Runtime,
  { name, shape, parameters, apply }: Layer,
  backward: boolean,
  kernels: Readonly<Record<string, string>>,
) {
  const arenas: Arena[] = []
  const allocate = async ({ spec }: Pick<Tensor, 'spec'>) => {
    const arena = new Arena(`${name}.${arenas.length}`, [{ name: `${name}.${arenas.length}`, spec }])
    await arena.allocate(runtime)
    arenas.push(arena)
    return arena.variables[0]!
  }
  const variables = new Map<ArenaVariable, Float32Array>()
  const operand = async (spec: Spec) => {
    const variable = await allocate({ spec })
    variables.set(variable, fill({ spec, fill: 'apart' }, variables.size) as Float32Array)
    variable.arena.write(variable, variables.get(variable)!)
    return read(variable)
  }
  const operands: Tensor[] = []
  for (const operandShape of [shape, ...parameters]) operands.push(await operand(f32(...operandShape)))
  const y = apply(operands[0]!, operands.slice(1))
  const results = backward ? [y, ...grad(y, operands, { ct: await operand(y.spec) })] : [y]
  const assign: (readonly [ArenaVariable, Tensor])[] = []
  for (const result of results) assign.push([await allocate(result), result])
  const plan = await compile(runtime, { name, assign }, { kernels })
  const dispose = () => {
    plan.dispose()
    for (const arena of arenas) arena.dispose()
  }
  return { plan, assign, variables, dispose }
}

/** The largest relative error of a result at 4³ voxels. */
async function check(
  runtime: Runtime,
  layer: Layer,
  backward: boolean,
  kernels: Readonly<Record<string, string>>,
): Promise<number> {
  const [batch, , , , channels] = layer.shape
  const small = { ...layer, shape: [batch, 4, 4, 4, channels] as const }
  const { plan, assign, variables, dispose } = await prepare(runtime, small, backward, kernels)
  await plan.run()
  const expected = execute(
    assign.map(([, result]) => result),
    { variables },
  )
  const errors: number[] = []
  for (const [index, [place]] of assign.entries()) {
    const got = sliceOf(await place.arena.readAll(), place)
    errors.push(compare(`${layer.name} result ${index}`, got, expected[index]!, layer.tolerance))
  }
  dispose()
  return Math.max(...errors)
}

function print({ target, case: name, kernel, ms_median, kernel_cpu_ms, max_rel_err }: Row): void {
  console.log(
    [
      target.padEnd(30),
      name.padEnd(20),
      kernel.padEnd(8),
      `${ms_median.toFixed(1)} ms`.padStart(10),
      `${kernel_cpu_ms.toFixed(2)} kernel-CPU ms`.padStart(22),
      `error ${max_rel_err.toExponential(1)}`,
    ].join(' '),
  )
}
