import { adam, bind, fanInUniform, initialArena, linearWeight } from '@voxnorm/autograd'
import { f32, input, matmul, mean, type Runtime, SlotPool, square, sub } from '@voxnorm/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileStep } from '../src/gradient-step.ts'
import { openTestDevice } from './device.ts'

let runtime: Runtime
let close: () => void
beforeAll(async () => {
  const device = await openTestDevice()
  runtime = device.runtime
  close = device.close
})
afterAll(() => close?.())

/** Two Adam steps of a linear regression on batches of 6, which go through the device in `parts`. */
async function fit(parts: number) {
  const rows = 6 / parts
  const network = bind('line', { weight: linearWeight(3, 2, fanInUniform(3)) })
  const optimizer = adam(network.parameterArena)
  const arenas = [network.parameterArena, optimizer.gradients, ...Object.values(optimizer.state)]
  for (const arena of arenas) await arena.allocate(runtime)
  network.parameterArena.writeAll(initialArena(network.parameterArena, network.trained, 1))
  const predicted = matmul(input('x', f32(rows, 3)), network.weights.weight)
  const loss = mean(square(sub(predicted, input('y', f32(rows, 2)))))
  const definition = {
    name: 'fit',
    loss,
    outputs: { loss, predicted },
    trained: [{ network, optimizer }],
    statistics: [],
  }
  const pool = new SlotPool(runtime)
  const step = await compileStep(runtime, definition, { parts, pool })
  const batch = {
    x: Float32Array.from({ length: 18 }, (_, i) => Math.sin(i)),
    y: Float32Array.from({ length: 12 }, (_, i) => Math.cos(i)),
    unused: new Float32Array(6),
  }
  const results = []
  for (const count of [1, 2]) {
    results.push(await step.run({ batch, scalars: { seed: 3 }, rates: optimizer.feeds(0.1, count) }))
  }
  const weights = await network.parameterArena.readAll()
  step.dispose()
  pool.dispose()
  for (const arena of arenas) arena.dispose()
  return { weights, losses: results.map((r) => r['loss']![0]!), predicted: results[1]!['predicted']! }
}

describe('a step in micro-batches', () => {
  it.each([2, 3, 6])('in %d parts is the step of the whole batch', async (parts) => {
    const [whole, split] = [await fit(1), await fit(parts)]
    expect(split.predicted).toHaveLength(whole.predicted.length)
    const near = (got: ArrayLike<number>, expected: ArrayLike<number>) => {
      for (let i = 0; i < expected.length; i++) expect(got[i]).toBeCloseTo(expected[i]!, 5)
    }
    near(split.losses, whole.losses)
    near(split.predicted, whole.predicted)
    near(split.weights, whole.weights)
    expect(whole.losses[1]).toBeLessThan(whole.losses[0]!)
  })
})
