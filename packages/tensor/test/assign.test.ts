import { nap, openGpu } from '@voxnorm/node'
import { afterAll, expect, it } from 'vitest'
import {
  Arena,
  type ArenaVariable,
  add,
  compile,
  f32,
  input,
  Runtime,
  reshape,
  sliceOf,
  sum,
  type Tensor,
} from '../src/index.ts'

const opened = await openGpu({ device: 'software' })
const runtime = await Runtime.open(opened.gpu, { software: opened.software, pause: nap })

afterAll(() => {
  runtime.dispose()
  opened.release()
})

/** Assigns tensors to variables of one arena and reads them back. */
async function assigned(...tensors: readonly Tensor[]) {
  const arena = new Arena(
    'results',
    tensors.map(({ spec }, index) => ({ name: `${index}`, spec })),
  )
  await arena.allocate(runtime)
  const assign = tensors.map((tensor, index) => [arena.variables[index]!, tensor] as [ArenaVariable, Tensor])
  const plan = await compile(runtime, { name: 'assign', assign })
  await plan.run({ x: Float32Array.of(1, 2, 3, 4, 5, 6) })
  const words = await arena.readAll()
  plan.dispose()
  arena.dispose()
  return { values: arena.variables.map((variable) => [...sliceOf(words, variable)]), summary: plan.summary }
}

const x = input('x', f32(3, 2))

it('writes a reshaped result straight into its variable', async () => {
  const { values, summary } = await assigned(reshape(sum(x, [0], true), [2]))
  expect(values).toEqual([[9, 12]])
  expect(summary.dispatches).toBe(1)
})

it('copies a result that another dispatch reads for the same arena', async () => {
  const total = sum(x, [0], true)
  const { values } = await assigned(reshape(total, [2]), add(total, total))
  expect(values).toEqual([
    [9, 12],
    [18, 24],
  ])
})

it('copies an input, and a result that is wanted twice', async () => {
  const total = sum(x, [1])
  const { values } = await assigned(x, total, total)
  expect(values).toEqual([
    [1, 2, 3, 4, 5, 6],
    [3, 7, 11],
    [3, 7, 11],
  ])
})
