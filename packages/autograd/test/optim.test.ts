import {
  adam,
  addGradients,
  bind,
  clearGradients,
  fanInUniform,
  grad,
  linearWeight,
  type Optimizer,
  overwriteGradients,
  sgd,
  vector,
} from '@voxnorm/autograd'
import { nap, type OpenedGpu, openGpu } from '@voxnorm/node'
import {
  Arena,
  type ArenaVariable,
  compile,
  f32,
  input,
  matmul,
  mean,
  Runtime,
  sliceOf,
  square,
  type Variable,
} from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectGolden, goldenCases, goldenTensor, hasGolden } from './golden.ts'

/** Runs an optimizer's update in float64. State is kept by variable. */
function runReference(
  { update }: Optimizer,
  feeds: Record<string, number>,
  state: Map<Variable, Float64Array>,
) {
  const variableAt = (index: number) => (update.inputs[index]!.params as { variable: Variable }).variable
  const values = update.inputs.map((tensor, index) =>
    tensor.label! in feeds ? Float64Array.of(feeds[tensor.label!]!) : state.get(variableAt(index))!,
  )
  update.op.reference(values, update.params).forEach((value, k) => {
    state.set(variableAt(update.op.updates[k]!), value)
  })
}

const adamOf = (item: { attrs: { betas: number[]; eps: number; weight_decay: number } }, arena: Arena) =>
  adam(arena, {
    beta1: item.attrs.betas[0]!,
    beta2: item.attrs.betas[1]!,
    epsilon: item.attrs.eps,
    decay: item.attrs.weight_decay,
  })

describe.skipIf(!hasGolden)('Adam in float64 agrees with PyTorch (needs ../shared)', () => {
  it.each(goldenCases('adam').map((item) => [item.id, item]))('%s', (_, item) => {
    const arena = new Arena('net', [{ name: 'p', spec: f32(...item.inputs.param.shape) }])
    const optimizer = adamOf(item, arena)
    const padded = (values: ArrayLike<number>) => {
      const words = new Float64Array(arena.words)
      words.set(Array.from(values))
      return words
    }
    const parameters = goldenTensor(item, item.inputs.param).values as Float32Array
    const gradients = goldenTensor(item, item.inputs.grad_steps).values as Float32Array
    const { first, second } = optimizer.state
    const state = new Map<Variable, Float64Array>([
      [arena.whole, padded(parameters)],
      [first!.whole, padded([])],
      [second!.whole, padded([])],
    ])
    const check = (variable: Variable, reference: { tensor: string }) =>
      expectGolden(Float32Array.from(state.get(variable)!.subarray(0, parameters.length)), item, reference)
    for (let step = 1; step <= item.attrs.steps; step++) {
      const gradient = gradients.subarray((step - 1) * parameters.length, step * parameters.length)
      state.set(optimizer.gradients.whole, padded(gradient))
      runReference(optimizer, optimizer.feeds(item.attrs.lr, step), state)
      check(arena.whole, { ...item.outputs[`param${step}`], tol: 1e-7 })
    }
    check(first!.whole, { ...item.outputs.m, tol: 1e-7 })
    check(second!.whole, { ...item.outputs.v, tol: 1e-9 })
    expect([...state.get(arena.whole)!.subarray(parameters.length)].every((gap) => gap === 0)).toBe(true)
  })
})

describe('gradients of an optimizer', () => {
  it('must be as many as the parameters', () => {
    const optimizer = adam(
      new Arena('net', [
        { name: 'a', spec: f32(2) },
        { name: 'b', spec: f32(3) },
      ]),
    )
    expect(() => overwriteGradients(optimizer, [input('g', f32(2))])).toThrow(
      'net.gradients has 2 variables but was given 1 gradients',
    )
  })
})

describe('optimizers on a device', () => {
  let gpu: OpenedGpu
  let runtime: Runtime
  beforeAll(async () => {
    gpu = await openGpu({ device: 'software' })
    runtime = await Runtime.open(gpu.gpu, { pause: nap })
  })
  afterAll(() => {
    runtime?.dispose()
    gpu?.release()
  })

  const allocate = async (arena: Arena, { gradients, state }: Optimizer) => {
    for (const one of [arena, gradients, ...Object.values(state)]) await one.allocate(runtime)
  }
  const values = async (arena: Arena, variable: ArenaVariable) =>
    Float32Array.from(sliceOf(await arena.readAll(), variable))

  it.skipIf(!hasGolden).each(goldenCases('adam').map((item) => [item.id, item]))(
    'Adam agrees with PyTorch: %s (needs ../shared)',
    async (_, item) => {
      const spec = f32(...item.inputs.param.shape)
      const arena = new Arena('net', [
        { name: 'before', spec: f32(5) },
        { name: 'p', spec },
      ])
      const [before, variable] = arena.variables as [ArenaVariable, ArenaVariable]
      const optimizer = adamOf(item, arena)
      await allocate(arena, optimizer)
      const parameters = goldenTensor(item, item.inputs.param).values as Float32Array
      const gradients = goldenTensor(item, item.inputs.grad_steps).values as Float32Array
      arena.write(variable, parameters)
      const plan = await compile(runtime, {
        name: 'step',
        assign: [[optimizer.gradients.variables[1]!, input('gradient', spec)]],
        updates: [optimizer.update],
      })
      for (let step = 1; step <= item.attrs.steps; step++) {
        const gradient = gradients.slice((step - 1) * parameters.length, step * parameters.length)
        await plan.run({ gradient, ...optimizer.feeds(item.attrs.lr, step) })
        expectGolden(await values(arena, variable), item, item.outputs[`param${step}`])
      }
      const { first, second } = optimizer.state
      expectGolden(await values(first!, first!.variables[1]!), item, item.outputs.m)
      expectGolden(await values(second!, second!.variables[1]!), item, item.outputs.v)
      expect([...(await values(arena, before))]).toEqual([0, 0, 0, 0, 0])
    },
  )

  it('SGD follows momentum and decay by hand', async () => {
    const arena = new Arena('net', [{ name: 'p', spec: f32(2) }])
    const optimizer = sgd(arena, { momentum: 0.5, decay: 0.25 })
    await allocate(arena, optimizer)
    arena.write(arena.variables[0]!, Float32Array.of(4, -8))
    const plan = await compile(runtime, {
      name: 'step',
      assign: overwriteGradients(optimizer, [input('gradient', f32(2))]),
      updates: [optimizer.update],
    })
    const run = (rate: number, ...gradient: number[]) =>
      plan.run({ gradient: Float32Array.from(gradient), ...optimizer.feeds(rate, 1) })
    await run(0.5, 1, 0)
    // Velocity (2, -2), parameters (3, -7).
    expect([...(await values(arena, arena.variables[0]!))]).toEqual([3, -7])
    await run(1, 0, 1)
    // Velocity (1.75, -1.75).
    expect([...(await values(arena, arena.variables[0]!))]).toEqual([1.25, -5.25])
  })

  it('micro-batches give the step of the whole batch', async () => {
    const { weights, trained, parameterArena } = bind('net', {
      weight: linearWeight(3, 2, fanInUniform(3)),
      unused: vector(1, fanInUniform(1)),
    })
    const optimizer = adam(parameterArena, { decay: 0.1 })
    await allocate(parameterArena, optimizer)
    const lossOf = (rows: number) => {
      const loss = mean(square(matmul(input('x', f32(rows, 3)), weights.weight)))
      return { loss, gradients: [...grad(loss, [trained[0]!.tensor]), input('none', f32(1))] }
    }
    const x = Float32Array.from({ length: 18 }, (_, i) => Math.sin(i))
    const start = Float32Array.of(1, -2, 3, 0.5, -0.25, 4)
    const none = Float32Array.of(0)
    const gradientsAfter = async (runs: () => Promise<void>) => {
      parameterArena.write(trained[0]!.variable, start)
      optimizer.gradients.writeAll(new Float32Array(optimizer.gradients.words).fill(7))
      await runs()
      return values(optimizer.gradients, optimizer.gradients.variables[0]!)
    }
    const whole = lossOf(6)
    const wholePlan = await compile(runtime, {
      name: 'whole',
      assign: overwriteGradients(optimizer, whole.gradients),
    })
    const micro = lossOf(2)
    const microPlan = await compile(runtime, {
      name: 'micro',
      updates: addGradients(optimizer, micro.gradients, 1 / 3),
    })
    const clear = await compile(runtime, { name: 'clear', assign: clearGradients(optimizer) })
    const expected = await gradientsAfter(async () => {
      await wholePlan.run({ x, none })
    })
    const got = await gradientsAfter(async () => {
      await clear.run()
      for (let batch = 0; batch < 3; batch++) {
        await microPlan.run({ x: x.slice(batch * 6, batch * 6 + 6), none })
      }
    })
    expect(Math.hypot(...expected)).toBeGreaterThan(0.1)
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 6)
    })
    expect((await optimizer.gradients.readAll()).subarray(6, 64).every((gap) => gap === 0)).toBe(true)
  })
})
