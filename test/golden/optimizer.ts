import { adam } from '@voxnorm/autograd'
import { Arena, compile, input, sliceOf } from '@voxnorm/tensor'
import type { CaseContext, CaseRunners } from './case-runner.ts'
import { type Comparison, compareTensor } from './compare.ts'
import type { GoldenCase, TensorReference } from './manifest.ts'

interface AdamCase extends GoldenCase {
  readonly attrs: {
    readonly lr: number
    readonly betas: readonly [number, number]
    readonly eps: number
    readonly weight_decay: number
    readonly steps: number
  }
  readonly inputs: { readonly param: TensorReference; readonly grad_steps: TensorReference }
  readonly outputs: Readonly<Record<string, TensorReference>>
}

/** Some steps of Adam with given gradients; `paramN` is the parameter after step N, `m` and `v` the last moments. */
async function runAdam(item: AdamCase, { folder, runtime }: CaseContext): Promise<Comparison[]> {
  const { lr, betas, eps, weight_decay: decay, steps } = item.attrs
  const spec = { shape: item.inputs.param.shape, dtype: 'f32' } as const
  const arena = new Arena('net', [{ name: 'parameter', spec }])
  const optimizer = adam(arena, { beta1: betas[0], beta2: betas[1], epsilon: eps, decay })
  const arenas = [arena, optimizer.gradients, ...Object.values(optimizer.state)]
  for (const one of arenas) await one.allocate(runtime)
  arena.write(arena.variables[0]!, Float32Array.from(folder.stored(item, item.inputs.param)))
  const plan = await compile(runtime, {
    name: item.id,
    assign: [[optimizer.gradients.variables[0]!, input('gradient', spec)]],
    updates: [optimizer.update],
  })

  const gradients = Float32Array.from(folder.stored(item, item.inputs.grad_steps))
  const size = gradients.length / steps
  const values = async (one: Arena) => Float32Array.from(sliceOf(await one.readAll(), one.variables[0]!))
  const got = new Map<string, Float32Array>()
  for (let step = 1; step <= steps; step++) {
    const gradient = gradients.slice((step - 1) * size, step * size)
    await plan.run({ gradient, ...optimizer.feeds(lr, step) })
    got.set(`param${step}`, await values(arena))
  }
  got.set('m', await values(optimizer.state['first']!))
  got.set('v', await values(optimizer.state['second']!))
  plan.dispose()
  for (const one of arenas) one.dispose()
  return Object.entries(item.outputs).flatMap(([name, reference]) => {
    const computed = got.get(name)
    if (!computed) throw new TypeError(`there is no output "${name}"`)
    return compareTensor(folder, item, name, computed, reference)
  })
}

/** Optimizers, on the device. */
export const optimizerRunners: CaseRunners = {
  adam: (item, context) => runAdam(item as AdamCase, context),
}
